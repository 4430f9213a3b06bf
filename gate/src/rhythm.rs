//! When whoever is asked again and again is asked next: after an interval, sooner after a failure, and at once when there
//! is something else to ask.

use std::time::Duration;

/// First wait after a failure; doubled up to the interval.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 16;
/// How soon it is noticed that there is something else to ask.
pub(crate) const NOTICE: Duration = Duration::from_millis(500);

/// The waits between questions.
#[derive(Debug)]
pub(crate) struct Rhythm {
    interval: Duration,
    failures: u32,
}

impl Rhythm {
    pub(crate) fn every(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// How long to wait after a question that was answered, or was not.
    pub(crate) fn after(&mut self, answered: bool) -> Duration {
        if answered {
            self.failures = 0;
            return self.interval;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(MOST_DOUBLINGS)).min(self.interval);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

/// Waits so long, but no longer than what is to be asked stays the same.
pub(crate) async fn pause(wait: Duration, is_same: impl Fn() -> bool) {
    let news = async {
        while is_same() {
            tokio::time::sleep(NOTICE).await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = news => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn failures_are_followed_by_ever_longer_waits_up_to_the_interval() {
        let seconds = Duration::from_secs;
        let mut rhythm = Rhythm::every(seconds(5));
        assert_eq!(rhythm.after(true), seconds(5));
        let waits: Vec<_> = (0..6).map(|_| rhythm.after(false)).collect();
        assert_eq!(waits, [FIRST_WAIT, seconds(1), seconds(2), seconds(4), seconds(5), seconds(5)]);
        assert_eq!((rhythm.after(true), rhythm.after(false)), (seconds(5), FIRST_WAIT));
        let mut long = Rhythm { interval: Duration::MAX, failures: u32::MAX };
        assert_eq!(long.after(false), FIRST_WAIT * (1 << MOST_DOUBLINGS));
    }

    #[tokio::test]
    async fn another_question_cuts_the_wait_short() {
        let (begun, short) = (Instant::now(), Duration::from_millis(30));
        pause(short, || true).await;
        assert!((short..NOTICE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let same = AtomicBool::new(true);
        let change = async {
            tokio::time::sleep(short).await;
            same.store(false, Ordering::Relaxed);
        };
        let begun = Instant::now();
        tokio::join!(pause(Duration::from_secs(60), || same.load(Ordering::Relaxed)), change);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}
