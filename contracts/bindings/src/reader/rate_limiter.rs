//! At most so many calls in any second. Providers refuse whoever asks more often.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const SECOND: Duration = Duration::from_secs(1);
/// So large a part of the calls is not for a burst, but spread over the second after it: who comes late in a burst
/// waits for a fraction of a second, not for all of it.
const SPREAD_DIVISOR: usize = 5;

#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Calls in a second; zero: no limit.
    most: usize,
    /// When the calls of the last second were taken.
    taken: Mutex<VecDeque<Instant>>,
}

impl RateLimiter {
    pub(super) fn new(per_second: u32) -> Self {
        Self { most: per_second as usize, taken: Mutex::default() }
    }

    /// Takes a call now, if there is one.
    pub(super) fn try_acquire(&self) -> bool {
        self.take_at(Instant::now()).is_ok()
    }

    /// Waits for a call and takes it.
    pub(super) async fn acquire(&self) {
        while let Err(later) = self.take_at(Instant::now()) {
            sleep_until(later).await;
        }
    }

    /// Takes a call at `now`, or says when there may be one.
    fn take_at(&self, now: Instant) -> Result<(), Instant> {
        if self.most == 0 {
            return Ok(());
        }
        let mut taken = self.taken();
        while taken.front().is_some_and(|first| now.duration_since(*first) >= SECOND) {
            taken.pop_front();
        }
        let spread = self.most / SPREAD_DIVISOR;
        if let (Some(first), Some(last)) = (taken.front(), taken.back()) {
            let again = *first + SECOND;
            if taken.len() >= self.most {
                return Err(again);
            }
            let in_turn = *last + SECOND / u32::try_from(spread).unwrap_or(u32::MAX).max(1);
            if taken.len() >= self.most - spread && in_turn > now {
                return Err(in_turn.min(again));
            }
        }
        taken.push_back(now);
        Ok(())
    }

    fn taken(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        // A queue is whole between two calls of its methods.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_some_in_turn() {
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

    /// Whatever a provider counts as a second, and whenever it begins.
    #[test]
    fn never_more_in_any_second() {
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
    fn zero_is_no_limit() {
        let pace = RateLimiter::new(0);
        assert!((0..10_000).all(|_| pace.try_acquire()));
    }
}
