//! Token buckets per key, bounded in number. A full bucket is removed, because it equals a new one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Maximum number of keys with a bucket of their own; their table takes some two megabytes.
pub(crate) const MAX_BUCKETS: usize = 1 << 16;
/// Minimum time between two sweeps of a full table: a sweep visits every bucket.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Buckets shared by the new keys of a full table.
const SHARED_BUCKETS: u64 = 1 << 12;

/// Policy for new keys while the table is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverflowPolicy {
    /// They pass without a limit: another limit holds for them.
    Allow,
    /// They share a few buckets.
    ShareBuckets,
}

/// Rate limiter with a token bucket per key. Keys are stored as hashes with a random secret, so that they are small
/// and their collisions unpredictable.
pub(crate) struct KeyedRateLimiter {
    table: DefaultKeyedRateLimiter<u64>,
    overflow: OverflowPolicy,
    hasher: RandomState,
    clock: DefaultClock,
    last_sweep: Mutex<Instant>,
}

impl KeyedRateLimiter {
    pub(crate) fn new(quota: Quota, overflow: OverflowPolicy) -> Self {
        let (hasher, clock, last_sweep) =
            (RandomState::new(), DefaultClock::default(), Mutex::new(Instant::now()));
        Self { table: RateLimiter::keyed(quota), overflow, hasher, clock, last_sweep }
    }

    /// Takes one token from the bucket of `key`. The error is the time until the next token.
    pub(crate) fn check(&self, key: impl Hash) -> Result<(), Duration> {
        let mut key = self.hasher.hash_one(key);
        if self.table.len() >= MAX_BUCKETS {
            self.sweep();
            if self.table.len() >= MAX_BUCKETS {
                match self.overflow {
                    OverflowPolicy::Allow => return Ok(()),
                    OverflowPolicy::ShareBuckets => key %= SHARED_BUCKETS,
                }
            }
        }
        self.table.check_key(&key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Removes full buckets, at most once per [`SWEEP_INTERVAL`].
    fn sweep(&self) {
        // Concurrent callers skip the sweep instead of waiting for it.
        if let Ok(mut last_sweep) = self.last_sweep.try_lock()
            && last_sweep.elapsed() >= SWEEP_INTERVAL
        {
            self.table.retain_recent();
            *last_sweep = Instant::now();
        }
    }

    /// Removes full buckets and releases their memory. No later [`check`](Self::check) is affected.
    pub(crate) fn remove_idle(&self) {
        self.table.retain_recent();
        self.table.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// A limiter with a burst of one and a new token each `period`.
    fn limiter(overflow: OverflowPolicy, period: Duration) -> KeyedRateLimiter {
        KeyedRateLimiter::new(Quota::with_period(period).unwrap().allow_burst(NonZeroU32::MIN), overflow)
    }

    const SHORT_PERIOD: Duration = Duration::from_millis(1);
    const LONG_PERIOD: Duration = Duration::from_secs(3600);

    #[test]
    fn bounds_the_number_of_buckets_and_removes_full_ones() {
        let limiter = limiter(OverflowPolicy::Allow, SHORT_PERIOD);
        for key in 0..MAX_BUCKETS + 1000 {
            limiter.check(key).unwrap();
        }
        assert_eq!(limiter.table.len(), MAX_BUCKETS);
        std::thread::sleep(SWEEP_INTERVAL);
        limiter.check(usize::MAX).unwrap();
        assert_eq!(limiter.table.len(), 1);
        std::thread::sleep(10 * SHORT_PERIOD);
        limiter.remove_idle();
        assert!(limiter.table.is_empty());
    }

    #[test]
    fn keys_beyond_the_bound_follow_the_overflow_policy() {
        let shared = usize::try_from(SHARED_BUCKETS).unwrap();
        let sharing = limiter(OverflowPolicy::ShareBuckets, LONG_PERIOD);
        (0..MAX_BUCKETS).for_each(|key| sharing.check(key).unwrap());
        let passed = (MAX_BUCKETS..3 * MAX_BUCKETS).filter(|key| sharing.check(*key).is_ok()).count();
        assert!(passed > shared / 2 && passed <= shared, "{passed}");
        assert!(sharing.table.len() <= MAX_BUCKETS + shared, "{}", sharing.table.len());
        let allowing = limiter(OverflowPolicy::Allow, LONG_PERIOD);
        assert!((0..2 * MAX_BUCKETS).all(|key| allowing.check(key).is_ok()));
        assert!(allowing.check(0).is_ok(), "a full table limits no key, not even one with an empty bucket");
    }
}
