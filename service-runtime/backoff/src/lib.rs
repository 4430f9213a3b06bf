//! Exponential backoff with jitter.

use std::time::Duration;

/// Bounds the shift; every configured maximum is reached earlier.
const MAX_DOUBLINGS: u32 = 16;
/// Largest part of a delay that jitter takes off.
const JITTER_FRACTION: f64 = 0.2;

/// Delays that start at an initial value and double up to a maximum.
///
/// Jitter shortens each delay by a random part of at most 20 %, so that processes that failed together do not retry
/// together. It never lengthens a delay: the maximum is an upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExponentialBackoff {
    initial: Duration,
    max: Duration,
    has_jitter: bool,
}

impl ExponentialBackoff {
    /// Creates a backoff with jitter. If `initial` exceeds `max`, every delay is `max`.
    #[must_use]
    pub const fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max, has_jitter: true }
    }

    /// Turns jitter off, for tests of exact delays.
    #[must_use]
    pub const fn without_jitter(self) -> Self {
        Self { has_jitter: false, ..self }
    }

    /// Returns the delay after `doublings` doublings; 0 yields the initial delay.
    #[must_use]
    pub fn delay(&self, doublings: u32) -> Duration {
        let delay = self.initial.saturating_mul(1 << doublings.min(MAX_DOUBLINGS)).min(self.max);
        if self.has_jitter {
            delay.saturating_sub(delay.mul_f64(JITTER_FRACTION * fastrand::f64()))
        } else {
            delay
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIAL: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(1);

    #[test]
    fn doubles_from_the_initial_delay_up_to_the_maximum() {
        let backoff = ExponentialBackoff::new(INITIAL, MAX).without_jitter();
        let delays = [0, 1, 2, 3, u32::MAX].map(|doublings| backoff.delay(doublings));
        assert_eq!(delays, [INITIAL, INITIAL * 2, MAX, MAX, MAX]);
        assert_eq!(ExponentialBackoff::new(MAX, INITIAL).without_jitter().delay(0), INITIAL);
        let unbounded = ExponentialBackoff::new(Duration::MAX, Duration::MAX);
        assert!(unbounded.delay(u32::MAX) > Duration::ZERO, "no overflow");
    }

    #[test]
    fn jitter_shortens_a_delay_by_at_most_a_fifth() {
        let backoff = ExponentialBackoff::new(INITIAL, MAX);
        let delays: Vec<_> = (0..1000).map(|_| backoff.delay(2)).collect();
        assert!(delays.iter().all(|delay| (MAX.mul_f64(0.799)..=MAX).contains(delay)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay != delays[0]), "delays differ");
    }
}
