//! Is what this process decides by still what governance approved?

use std::time::{Duration, Instant};

use alloy::primitives::B256;

/// The configuration is not the approved one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// Governance approved another one.
    #[error(
        "the governed configuration has hash {ours}, {}; have it approved (`bridge-oracle config bundle`), or \
         install the file that was", approved_text(*.approved)
    )]
    ByGovernance {
        /// Hash of what this process runs by.
        ours: B256,
        /// What governance approved; zero: nothing.
        approved: B256,
    },
    /// Another file was put into its place.
    #[error(
        "governed.toml has changed: this process runs by hash {ours}, the file {}; start anew with a file that is \
         approved", file_text(.file.as_ref())
    )]
    InFile {
        /// Hash of what this process runs by.
        ours: B256,
        /// Hash of the file; `None`: it cannot be read.
        file: Option<B256>,
    },
}

fn approved_text(approved: B256) -> String {
    if approved.is_zero() { "none is approved".to_owned() } else { format!("approved is {approved}") }
}

fn file_text(file: Option<&B256>) -> String {
    file.map_or_else(|| "cannot be read".to_owned(), |hash| format!("has {hash}"))
}

/// The governed file, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// Nobody looks at it.
    Unwatched,
    /// It has this hash; `None`: it cannot be read.
    Now(Option<B256>),
}

/// Watches the approval of one running configuration.
#[derive(Debug)]
pub struct ApprovalWatch {
    ours: B256,
    grace: Duration,
    /// Since when it is another one. Nothing at first: whoever starts has no grace.
    lost: Option<Instant>,
    started: bool,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Approved.
    Approved,
    /// Not any more; goes on for so long.
    Grace(NotApproved, Duration),
    /// Stop.
    Stop(NotApproved),
}

impl ApprovalWatch {
    /// For a configuration with hash `ours`.
    pub const fn new(ours: B256, grace: Duration) -> Self {
        Self { ours, grace, lost: None, started: false }
    }

    /// What follows from `approved` and from the file at `now`.
    pub fn check(&mut self, approved: B256, file: File, now: Instant) -> Verdict {
        let ours = self.ours;
        let problem = match file {
            _ if approved != ours => NotApproved::ByGovernance { ours, approved },
            File::Now(file) if file != Some(ours) => NotApproved::InFile { ours, file },
            File::Now(_) | File::Unwatched => {
                self.started = true;
                self.lost = None;
                return Verdict::Approved;
            }
        };
        let since = *self.lost.get_or_insert(now);
        let left = self.grace.saturating_sub(now.saturating_duration_since(since));
        if self.started && !left.is_zero() { Verdict::Grace(problem, left) } else { Verdict::Stop(problem) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: B256 = B256::repeat_byte(1);
    const GRACE: Duration = Duration::from_secs(60);

    #[test]
    fn whoever_is_not_approved_does_not_start() {
        for approved in [B256::ZERO, B256::repeat_byte(2)] {
            let verdict = ApprovalWatch::new(OURS, GRACE).check(approved, File::Unwatched, Instant::now());
            assert_eq!(verdict, Verdict::Stop(NotApproved::ByGovernance { ours: OURS, approved }));
        }
    }

    #[test]
    fn a_change_stops_after_the_grace_and_a_return_ends_it() {
        let start = Instant::now();
        let other = B256::repeat_byte(2);
        let mut watch = ApprovalWatch::new(OURS, GRACE);
        let mut check = |approved, now| watch.check(approved, File::Unwatched, now);
        assert_eq!(check(OURS, start), Verdict::Approved);
        assert!(matches!(check(other, start), Verdict::Grace(_, GRACE)));
        let later = start + Duration::from_secs(59);
        assert!(matches!(check(B256::ZERO, later), Verdict::Grace(_, left) if left.as_secs() == 1));
        assert_eq!(check(OURS, later), Verdict::Approved);
        assert!(matches!(check(other, later), Verdict::Grace(_, GRACE)));
        assert!(matches!(check(other, later + GRACE), Verdict::Stop(_)));
    }

    #[test]
    fn another_file_stops_after_the_grace_too() {
        let start = Instant::now();
        let mut watch = ApprovalWatch::new(OURS, GRACE);
        assert_eq!(watch.check(OURS, File::Now(Some(OURS)), start), Verdict::Approved);
        for file in [None, Some(B256::repeat_byte(2))] {
            let problem = NotApproved::InFile { ours: OURS, file };
            assert_eq!(watch.check(OURS, File::Now(file), start), Verdict::Grace(problem, GRACE));
            assert_eq!(watch.check(OURS, File::Now(file), start + GRACE), Verdict::Stop(problem));
        }
        assert_eq!(watch.check(OURS, File::Now(Some(OURS)), start + GRACE), Verdict::Approved);
    }

    #[test]
    fn the_reason_names_both_hashes() {
        let text = NotApproved::ByGovernance { ours: OURS, approved: B256::ZERO }.to_string();
        assert!(text.contains(&OURS.to_string()) && text.contains("none is approved"), "{text}");
    }
}
