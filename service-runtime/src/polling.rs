//! Delays of a polling loop.

use std::time::Duration;

use service_backoff::ExponentialBackoff;

/// Delay after the first failure; doubled after each further one, up to the interval.
const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(500);
/// How often [`sleep_unless_changed`] checks for a change.
pub const CHANGE_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Delays of a polling loop: the interval after a success, an exponential backoff below it after failures.
#[derive(Debug)]
pub struct PollBackoff {
    interval: Duration,
    backoff: ExponentialBackoff,
    failures: u32,
}

impl PollBackoff {
    /// Creates the delays of a loop that polls every `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, backoff: ExponentialBackoff::new(INITIAL_RETRY_DELAY, interval), failures: 0 }
    }

    /// Returns the delay until the next poll and counts consecutive failures.
    pub fn next_delay(&mut self, succeeded: bool) -> Duration {
        if succeeded {
            self.failures = 0;
            return self.interval;
        }
        let delay = self.backoff.delay(self.failures);
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

/// Sleeps for `delay`, or until `is_same` returns false: then there is something else to poll.
pub async fn sleep_unless_changed(delay: Duration, is_same: impl Fn() -> bool) {
    let change = async {
        while is_same() {
            tokio::time::sleep(CHANGE_CHECK_INTERVAL).await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = change => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn doubles_delay_after_each_failure_up_to_the_interval() {
        let seconds = Duration::from_secs;
        let without_jitter = |interval| PollBackoff {
            backoff: ExponentialBackoff::new(INITIAL_RETRY_DELAY, interval).without_jitter(),
            ..PollBackoff::new(interval)
        };
        let mut backoff = without_jitter(seconds(5));
        assert_eq!(backoff.next_delay(true), seconds(5));
        let delays: Vec<_> = (0..6).map(|_| backoff.next_delay(false)).collect();
        assert_eq!(delays, [INITIAL_RETRY_DELAY, seconds(1), seconds(2), seconds(4), seconds(5), seconds(5)]);
        assert_eq!((backoff.next_delay(true), backoff.next_delay(false)), (seconds(5), INITIAL_RETRY_DELAY));
        let mut long = PollBackoff { failures: u32::MAX, ..without_jitter(Duration::MAX) };
        assert_eq!(long.next_delay(false), INITIAL_RETRY_DELAY * (1 << 16));
    }

    #[tokio::test]
    async fn change_ends_the_sleep_early() {
        let (start, short) = (Instant::now(), Duration::from_millis(30));
        sleep_unless_changed(short, || true).await;
        assert!((short..CHANGE_CHECK_INTERVAL).contains(&start.elapsed()), "{:?}", start.elapsed());
        let same = AtomicBool::new(true);
        let change = async {
            tokio::time::sleep(short).await;
            same.store(false, Ordering::Relaxed);
        };
        let start = Instant::now();
        tokio::join!(sleep_unless_changed(Duration::from_secs(60), || same.load(Ordering::Relaxed)), change);
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    }
}
