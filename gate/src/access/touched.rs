//! Addresses about which something changed, remembered as long as an older answer may be around.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::Address;

/// Old marks are swept out when so many more have come.
const SWEEP_AFTER: usize = 1024;

/// The marks.
#[derive(Debug)]
pub(super) struct Touched {
    keep: Duration,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    at: HashMap<Address, Instant>,
    sweep_at: usize,
}

impl Touched {
    /// `keep`: the longest that an answer is around.
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, marks: Mutex::default() }
    }

    pub(super) fn touch(&self, address: Address, now: Instant) {
        let mut marks = self.marks();
        marks.at.insert(address, now);
        if marks.at.len() > marks.sweep_at {
            let keep = self.keep;
            marks.at.retain(|_, at| now.duration_since(*at) <= keep);
            marks.sweep_at = marks.at.len() + SWEEP_AFTER;
        }
    }

    /// Whether something changed about `address` at `begun` or later.
    pub(super) fn since(&self, address: Address, begun: Instant) -> bool {
        self.marks().at.get(&address).is_some_and(|at| *at >= begun)
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        // Plain numbers, whole at every moment.
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_spoils_what_was_begun_before_it() {
        let touched = Touched::new(Duration::from_secs(60));
        let (address, now) = (Address::repeat_byte(1), Instant::now());
        touched.touch(address, now);
        assert!(touched.since(address, now));
        assert!(!touched.since(address, now + Duration::from_millis(1)));
        assert!(!touched.since(Address::repeat_byte(2), now));
    }

    #[test]
    fn old_marks_are_swept_out() {
        let touched = Touched::new(Duration::from_secs(60));
        let start = Instant::now();
        for second in 0..20_000_u64 {
            let mut address = [0; 20];
            address[..8].copy_from_slice(&second.to_be_bytes());
            touched.touch(address.into(), start + Duration::from_secs(second));
        }
        assert!(touched.marks().at.len() < 3 * SWEEP_AFTER, "{}", touched.marks().at.len());
    }
}
