//! Addresses about which something changed, remembered as long as an older answer may be around.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::Address;

/// Old marks are swept out when so many more have come.
const SWEEP_AFTER: usize = 1024;

/// When a change was told, and the first block that shows it.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    block: u64,
}

/// What an answer is worth after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Nothing changed since.
    Current,
    /// It was begun before the change was told.
    Old,
    /// It was begun after it, but a provider answered that has not seen the change.
    Behind,
}

impl Mark {
    fn judge(&self, begun: Instant, block: u64) -> Worth {
        if self.at >= begun {
            Worth::Old
        } else if block < self.block {
            Worth::Behind
        } else {
            Worth::Current
        }
    }
}

/// The marks.
#[derive(Debug)]
pub(super) struct Touched {
    keep: Duration,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    at: HashMap<Address, Mark>,
    /// Something changed about everybody.
    all: Option<Mark>,
    sweep_at: usize,
}

impl Touched {
    /// `keep`: the longest that an answer is around.
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, marks: Mutex::default() }
    }

    /// Something changed about `address`, which blocks from `block` on show.
    pub(super) fn touch(&self, address: Address, now: Instant, block: u64) {
        let mut marks = self.marks();
        marks.at.insert(address, Mark { at: now, block });
        if marks.at.len() > marks.sweep_at {
            let keep = self.keep;
            marks.at.retain(|_, mark| now.duration_since(mark.at) <= keep);
            marks.sweep_at = marks.at.len() + SWEEP_AFTER;
        }
    }

    /// The same about everybody, whatever was said before.
    pub(super) fn start_over(&self, now: Instant, block: u64) {
        let mut marks = self.marks();
        marks.at.clear();
        marks.all = Some(Mark { at: now, block });
    }

    /// What counts changed, not what the blocks say: those that did not show a change still do not.
    pub(super) fn touch_all(&self, now: Instant) {
        let mut marks = self.marks();
        let block = marks.all.map_or(0, |all| all.block);
        marks.all = Some(Mark { at: now, block });
    }

    /// What an answer about `address` is worth that was begun then and read at `block`.
    pub(super) fn judge(&self, address: Address, begun: Instant, block: u64) -> Worth {
        let marks = self.marks();
        let marks = [marks.at.get(&address), marks.all.as_ref()];
        let mut worth = marks.into_iter().flatten().map(|mark| mark.judge(begun, block));
        worth.find(|worth| *worth != Worth::Current).unwrap_or(Worth::Current)
    }

    /// When the last change about one of `addresses` was told.
    pub(super) fn changed_at(&self, addresses: impl IntoIterator<Item = Address>) -> Option<Instant> {
        let marks = self.marks();
        let of_addresses = addresses.into_iter().filter_map(|address| marks.at.get(&address));
        of_addresses.chain(marks.all.as_ref()).map(|mark| mark.at).max()
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        // Plain numbers, whole at every moment.
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address::repeat_byte(1);

    #[test]
    fn mark_outdates_answers_begun_before_it() {
        let touched = Touched::new(Duration::from_secs(60));
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        touched.touch(ADDRESS, now, 0);
        assert_eq!(touched.judge(ADDRESS, now, 5), Worth::Old);
        assert_eq!(touched.judge(ADDRESS, later, 5), Worth::Current);
        assert_eq!(touched.judge(Address::repeat_byte(2), now, 5), Worth::Current);
    }

    #[test]
    fn mark_refuses_answers_of_older_blocks() {
        let touched = Touched::new(Duration::from_secs(60));
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        touched.touch(ADDRESS, now, 7);
        assert_eq!(touched.judge(ADDRESS, later, 6), Worth::Behind);
        assert_eq!(touched.judge(ADDRESS, later, 7), Worth::Current);
        // Undone: the truth is in an older block.
        touched.touch(ADDRESS, now, 5);
        assert_eq!(touched.judge(ADDRESS, later, 6), Worth::Current);
        touched.start_over(later, 9);
        assert_eq!(touched.judge(Address::repeat_byte(2), now, 9), Worth::Old);
        assert_eq!(touched.judge(ADDRESS, later + Duration::from_millis(1), 8), Worth::Behind);
    }

    #[test]
    fn policy_change_keeps_the_minimum_block() {
        let touched = Touched::new(Duration::from_secs(60));
        let now = Instant::now();
        let after = |millis| now + Duration::from_millis(millis);
        touched.start_over(now, 5);
        touched.touch(ADDRESS, now, 7);
        touched.touch_all(after(1));
        assert_eq!(touched.judge(ADDRESS, after(1), 7), Worth::Old);
        assert_eq!(touched.judge(ADDRESS, after(2), 6), Worth::Behind);
        assert_eq!(touched.judge(Address::repeat_byte(2), after(2), 4), Worth::Behind);
        assert_eq!(touched.judge(ADDRESS, after(2), 7), Worth::Current);
    }

    #[test]
    fn old_marks_are_removed() {
        let touched = Touched::new(Duration::from_secs(60));
        let start = Instant::now();
        for second in 0..20_000_u64 {
            let mut address = [0; 20];
            address[..8].copy_from_slice(&second.to_be_bytes());
            touched.touch(address.into(), start + Duration::from_secs(second), 0);
        }
        assert!(touched.marks().at.len() < 3 * SWEEP_AFTER, "{}", touched.marks().at.len());
    }
}
