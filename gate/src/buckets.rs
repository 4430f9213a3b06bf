//! Token buckets, one for each of many: bounded in number, and let go as soon as they are full again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// So many have a bucket of their own; a table of them takes some two megabytes.
pub(crate) const MOST: usize = 1 << 16;
/// A full table is swept, but not at every call: a sweep looks at every bucket.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// What those share who come while the table is full.
const SHARED: u64 = 1 << 12;

/// What becomes of those who come while the table is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// They pass: something else holds them back.
    Pass,
    /// They share a few buckets.
    Share,
}

/// The buckets. Keys are hashed with a secret, which makes them small and their places unpredictable.
pub(crate) struct Buckets {
    table: DefaultKeyedRateLimiter<u64>,
    beyond: Beyond,
    hasher: RandomState,
    clock: DefaultClock,
    swept: Mutex<Instant>,
}

impl Buckets {
    pub(crate) fn new(quota: Quota, beyond: Beyond) -> Self {
        let (hasher, clock, swept) =
            (RandomState::new(), DefaultClock::default(), Mutex::new(Instant::now()));
        Self { table: RateLimiter::keyed(quota), beyond, hasher, clock, swept }
    }

    /// Takes one out of the bucket of `key`, or says how long to wait.
    pub(crate) fn take(&self, key: impl Hash) -> Result<(), Duration> {
        let mut key = self.hasher.hash_one(key);
        if self.table.len() >= MOST {
            self.sweep();
            if self.table.len() >= MOST {
                match self.beyond {
                    Beyond::Pass => return Ok(()),
                    Beyond::Share => key %= SHARED,
                }
            }
        }
        self.table.check_key(&key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Drops the buckets that are full again.
    fn sweep(&self) {
        // Whoever finds another one sweeping has no need to wait for it.
        if let Ok(mut swept) = self.swept.try_lock()
            && swept.elapsed() >= SWEEP_EVERY
        {
            self.table.retain_recent();
            *swept = Instant::now();
        }
    }

    /// The same at leisure, and gives their room back. It changes nothing for anybody.
    pub(crate) fn forget_idle(&self) {
        self.table.retain_recent();
        self.table.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// One at once, and the next one after a millisecond or an hour.
    fn buckets(beyond: Beyond, next: Duration) -> Buckets {
        Buckets::new(Quota::with_period(next).unwrap().allow_burst(NonZeroU32::MIN), beyond)
    }

    const SOON: Duration = Duration::from_millis(1);
    const LATE: Duration = Duration::from_secs(3600);

    #[test]
    fn there_are_never_more_than_the_most_and_they_are_given_back() {
        let buckets = buckets(Beyond::Pass, SOON);
        for key in 0..MOST + 1000 {
            buckets.take(key).unwrap();
        }
        assert_eq!(buckets.table.len(), MOST);
        std::thread::sleep(SWEEP_EVERY);
        buckets.take(usize::MAX).unwrap();
        assert_eq!(buckets.table.len(), 1);
        std::thread::sleep(10 * SOON);
        buckets.forget_idle();
        assert!(buckets.table.is_empty());
    }

    #[test]
    fn who_comes_beyond_the_most_shares_or_passes() {
        let shared = usize::try_from(SHARED).unwrap();
        let share = buckets(Beyond::Share, LATE);
        (0..MOST).for_each(|key| share.take(key).unwrap());
        let passed = (MOST..3 * MOST).filter(|key| share.take(*key).is_ok()).count();
        assert!(passed > shared / 2 && passed <= shared, "{passed}");
        assert!(share.table.len() <= MOST + shared, "{}", share.table.len());
        let pass = buckets(Beyond::Pass, LATE);
        assert!((0..2 * MOST).all(|key| pass.take(key).is_ok()));
        assert!(pass.take(0).is_ok(), "who has none of his own left is not told to wait");
    }
}
