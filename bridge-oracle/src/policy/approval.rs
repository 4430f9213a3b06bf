//! Checks that the running configuration is still the approved one.

use std::time::{Duration, Instant};

use alloy::primitives::B256;

/// The configuration is not the approved one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// Governance approved another configuration.
    #[error(
        "the governed configuration has hash {ours}, {}; have it approved (`bridge-oracle config bundle`), or \
         install the file that was", approved_text(*.approved)
    )]
    ByGovernance {
        /// Hash of the running configuration.
        ours: B256,
        /// Hash that governance approved; zero: none.
        approved: B256,
    },
    /// The file was replaced.
    #[error(
        "governed.toml has changed: this process runs by hash {ours}, the file {}; start anew with a file that is \
         approved", file_text(.file.as_ref())
    )]
    InFile {
        /// Hash of the running configuration.
        ours: B256,
        /// Hash of the file; `None`: unreadable.
        file: Option<B256>,
    },
}

fn approved_text(approved: B256) -> String {
    if approved.is_zero() { "none is approved".to_owned() } else { format!("approved is {approved}") }
}

fn file_text(file: Option<&B256>) -> String {
    file.map_or_else(|| "cannot be read".to_owned(), |hash| format!("has {hash}"))
}

/// State of the governed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GovernedFile {
    /// The file is not watched.
    Unwatched,
    /// Hash of the file; `None`: unreadable.
    Hash(Option<B256>),
}

/// Watches the approval of one running configuration.
#[derive(Debug)]
pub struct ApprovalWatch {
    ours: B256,
    grace: Duration,
    /// Start of the current mismatch. The grace period applies only after a first approval.
    lost: Option<Instant>,
    started: bool,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStatus {
    /// Approved.
    Approved,
    /// Not approved any more; the grace period ends after this time.
    Grace(ApprovalError, Duration),
    /// Not approved; the process must stop.
    Stop(ApprovalError),
}

impl ApprovalWatch {
    /// Creates the watch for a configuration with hash `ours`.
    pub const fn new(ours: B256, grace: Duration) -> Self {
        Self { ours, grace, lost: None, started: false }
    }

    /// Compares the approved hash and the file with the running configuration at `now`.
    pub fn check(&mut self, approved: B256, file: GovernedFile, now: Instant) -> ApprovalStatus {
        let ours = self.ours;
        let problem = match file {
            _ if approved != ours => ApprovalError::ByGovernance { ours, approved },
            GovernedFile::Hash(file) if file != Some(ours) => ApprovalError::InFile { ours, file },
            GovernedFile::Hash(_) | GovernedFile::Unwatched => {
                self.started = true;
                self.lost = None;
                return ApprovalStatus::Approved;
            }
        };
        let since = *self.lost.get_or_insert(now);
        let left = self.grace.saturating_sub(now.saturating_duration_since(since));
        if self.started && !left.is_zero() {
            ApprovalStatus::Grace(problem, left)
        } else {
            ApprovalStatus::Stop(problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: B256 = B256::repeat_byte(1);
    const GRACE: Duration = Duration::from_secs(60);

    #[test]
    fn stops_unapproved_configuration_at_start() {
        for approved in [B256::ZERO, B256::repeat_byte(2)] {
            let verdict =
                ApprovalWatch::new(OURS, GRACE).check(approved, GovernedFile::Unwatched, Instant::now());
            assert_eq!(verdict, ApprovalStatus::Stop(ApprovalError::ByGovernance { ours: OURS, approved }));
        }
    }

    #[test]
    fn changed_approval_stops_after_grace_and_return_resets_it() {
        let start = Instant::now();
        let other = B256::repeat_byte(2);
        let mut watch = ApprovalWatch::new(OURS, GRACE);
        let mut check = |approved, now| watch.check(approved, GovernedFile::Unwatched, now);
        assert_eq!(check(OURS, start), ApprovalStatus::Approved);
        assert!(matches!(check(other, start), ApprovalStatus::Grace(_, GRACE)));
        let later = start + Duration::from_secs(59);
        assert!(matches!(check(B256::ZERO, later), ApprovalStatus::Grace(_, left) if left.as_secs() == 1));
        assert_eq!(check(OURS, later), ApprovalStatus::Approved);
        assert!(matches!(check(other, later), ApprovalStatus::Grace(_, GRACE)));
        assert!(matches!(check(other, later + GRACE), ApprovalStatus::Stop(_)));
    }

    #[test]
    fn replaced_file_stops_after_grace() {
        let start = Instant::now();
        let mut watch = ApprovalWatch::new(OURS, GRACE);
        assert_eq!(watch.check(OURS, GovernedFile::Hash(Some(OURS)), start), ApprovalStatus::Approved);
        for file in [None, Some(B256::repeat_byte(2))] {
            let problem = ApprovalError::InFile { ours: OURS, file };
            assert_eq!(
                watch.check(OURS, GovernedFile::Hash(file), start),
                ApprovalStatus::Grace(problem, GRACE)
            );
            assert_eq!(
                watch.check(OURS, GovernedFile::Hash(file), start + GRACE),
                ApprovalStatus::Stop(problem)
            );
        }
        assert_eq!(
            watch.check(OURS, GovernedFile::Hash(Some(OURS)), start + GRACE),
            ApprovalStatus::Approved
        );
    }

    #[test]
    fn error_names_both_hashes() {
        let text = ApprovalError::ByGovernance { ours: OURS, approved: B256::ZERO }.to_string();
        assert!(text.contains(&OURS.to_string()) && text.contains("none is approved"), "{text}");
    }
}
