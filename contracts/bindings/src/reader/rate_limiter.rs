//! Limits calls in any second, as providers reject clients that exceed their limit.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const SECOND: Duration = Duration::from_secs(1);
/// One part in so many of the calls is reserved from bursts and spread over the second after: a call late in a burst
/// waits for a fraction of a second, not for all of it.
const SPREAD_DIVISOR: usize = 5;

#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Maximum calls in any second; zero disables the limit.
    per_second: usize,
    /// Times of the calls within the last second.
    taken: Mutex<VecDeque<Instant>>,
}

impl RateLimiter {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second as usize, taken: Mutex::default() }
    }

    /// Acquires a call now, if the limit permits.
    pub(super) fn try_acquire(&self) -> bool {
        self.take_at(Instant::now()).is_ok()
    }

    /// Waits until the limit permits a call and acquires it.
    pub(super) async fn acquire(&self) {
        while let Err(later) = self.take_at(Instant::now()) {
            sleep_until(later).await;
        }
    }

    /// Acquires a call at `now`, or returns the time of the next attempt.
    fn take_at(&self, now: Instant) -> Result<(), Instant> {
        if self.per_second == 0 {
            return Ok(());
        }
        let mut taken = self.taken();
        while taken.front().is_some_and(|first| now.duration_since(*first) >= SECOND) {
            taken.pop_front();
        }
        let spread = self.per_second / SPREAD_DIVISOR;
        if let (Some(first), Some(last)) = (taken.front(), taken.back()) {
            let again = *first + SECOND;
            if taken.len() >= self.per_second {
                return Err(again);
            }
            let in_turn = *last + SECOND / u32::try_from(spread).unwrap_or(u32::MAX).max(1);
            if taken.len() >= self.per_second - spread && in_turn > now {
                return Err(in_turn.min(again));
            }
        }
        taken.push_back(now);
        Ok(())
    }

    fn taken(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        // Poisoning is harmless: no partial state is visible.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_burst_then_spreads_calls() {
        let pace = RateLimiter::new(10);
        let start = Instant::now();
        for _ in 0..8 {
            assert!(pace.take_at(start).is_ok());
        }
        let later = pace.take_at(start).unwrap_err();
        assert_eq!(later.duration_since(start).as_millis(), 500);
        assert!(pace.take_at(later).is_ok());
        assert_eq!(pace.take_at(later), Err(start + SECOND));
        assert!(pace.take_at(start + SECOND).is_ok());
    }

    /// Holds for any second, whenever the provider's begins.
    #[test]
    fn never_exceeds_limit_in_any_second() {
        for most in [1, 4, 10, 40] {
            let pace = RateLimiter::new(most);
            let start = Instant::now();
            let (mut now, mut taken) = (start, Vec::new());
            while now < start + 5 * SECOND {
                match pace.take_at(now) {
                    Ok(()) => taken.push(now),
                    Err(later) => {
                        assert!(later > now, "who waits gets on");
                        now = later;
                    }
                }
            }
            for (at, first) in taken.iter().enumerate() {
                let within = taken[at..].iter().filter(|other| other.duration_since(*first) < SECOND).count();
                assert!(within <= most as usize, "{within} of {most}");
            }
            assert!(taken.len() >= 4 * most as usize, "{} of {most} a second", taken.len());
        }
    }

    #[test]
    fn zero_disables_limit() {
        let pace = RateLimiter::new(0);
        assert!((0..10_000).all(|_| pace.try_acquire()));
    }
}
