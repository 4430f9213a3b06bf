//! At most so many calls a second, with a burst of as many. Providers refuse whoever asks more often.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

#[derive(Debug)]
pub(super) struct Pace {
    /// Time that one call takes of the allowance; zero: no limit.
    interval: Duration,
    burst: u32,
    /// When the allowance would be full again.
    full_at: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        Self { interval, burst: per_second, full_at: Mutex::new(Instant::now()) }
    }

    /// Takes a call now, if there is one.
    pub(super) fn try_take(&self) -> bool {
        self.take_at(Instant::now()).is_ok()
    }

    /// Waits for a call and takes it.
    pub(super) async fn take(&self) {
        while let Err(later) = self.take_at(Instant::now()) {
            sleep_until(later).await;
        }
    }

    /// Takes a call at `now`, or says when there will be one.
    fn take_at(&self, now: Instant) -> Result<(), Instant> {
        let mut full_at = self.full_at();
        let used = (*full_at).max(now) + self.interval;
        let earliest = used.checked_sub(self.interval * self.burst).unwrap_or(now);
        if earliest > now {
            return Err(earliest);
        }
        *full_at = used;
        Ok(())
    }

    fn full_at(&self) -> MutexGuard<'_, Instant> {
        // One number, whole at every moment.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let pace = Pace::new(10);
        let start = Instant::now();
        for _ in 0..10 {
            assert!(pace.take_at(start).is_ok());
        }
        let later = pace.take_at(start).unwrap_err();
        assert_eq!(later.duration_since(start).as_millis(), 100);
        assert!(pace.take_at(later).is_ok());
        assert!(pace.take_at(later).is_err());
        let rested = later + Duration::from_secs(60);
        assert_eq!(
            (0..20).filter(|_| pace.take_at(rested).is_ok()).count(),
            10,
            "no more than a burst is saved"
        );
    }

    #[test]
    fn zero_is_no_limit() {
        let pace = Pace::new(0);
        assert!((0..10_000).all(|_| pace.try_take()));
    }
}
