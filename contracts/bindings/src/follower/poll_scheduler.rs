//! Time of the next poll. Providers that announce heads are not trusted: after an announcement without a new block, the
//! next ones are delayed exponentially.

use std::sync::Arc;
use std::time::Duration;

use service_backoff::ExponentialBackoff;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// Delay of announcements after the first failed one; doubled after each further one, up to the poll interval.
const ANNOUNCEMENT_DELAY_INITIAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct PollScheduler {
    /// Notified of new heads by the subscription.
    heads: Arc<Notify>,
    /// Notified when the watched contracts change.
    contracts: Arc<Notify>,
    poll_interval: Duration,
    backoff: ExponentialBackoff,
    /// Failed announcements since the last new block.
    failures: u32,
    /// Delay of the next announcement; zero without failures.
    announcement_delay: Duration,
}

impl PollScheduler {
    pub(super) fn new(heads: Arc<Notify>, contracts: Arc<Notify>, poll_interval: Duration) -> Self {
        let backoff = ExponentialBackoff::new(ANNOUNCEMENT_DELAY_INITIAL, poll_interval);
        Self { heads, contracts, poll_interval, backoff, failures: 0, announcement_delay: Duration::ZERO }
    }

    /// Waits for an announced head, a change of the watched contracts or the next poll. Returns whether a head was
    /// announced.
    pub(super) async fn wait_for_trigger(&self) -> bool {
        let next_poll = Instant::now() + self.poll_interval;
        let announced = async {
            if !self.announcement_delay.is_zero() {
                sleep(self.announcement_delay).await;
            }
            self.heads.notified().await;
        };
        tokio::select! {
            () = announced => true,
            () = self.contracts.notified() => false,
            () = sleep_until(next_poll) => false,
        }
    }

    /// Returns whether announcements take effect without a delay.
    pub(super) fn trusts_announcements(&self) -> bool {
        self.announcement_delay.is_zero()
    }

    /// Records that no provider had an announced head.
    pub(super) fn announcement_failed(&mut self) {
        self.announcement_delay = self.backoff.delay(self.failures);
        self.failures = self.failures.saturating_add(1);
    }

    /// Records a new block.
    pub(super) fn block_arrived(&mut self) {
        self.failures = 0;
        self.announcement_delay = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn failed_announcements_are_delayed_until_a_block_arrives() {
        let (heads, contracts) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut scheduler =
            PollScheduler::new(Arc::clone(&heads), Arc::clone(&contracts), Duration::from_secs(5));
        scheduler.backoff = scheduler.backoff.without_jitter();
        for expected in [0, 1, 2, 4, 5, 5] {
            assert_eq!(
                (scheduler.announcement_delay.as_secs(), scheduler.trusts_announcements()),
                (expected, expected == 0)
            );
            scheduler.announcement_failed();
        }
        let short = Duration::from_millis(100);
        heads.notify_one();
        assert!(timeout(short, scheduler.wait_for_trigger()).await.is_err(), "announcements are delayed");
        contracts.notify_one();
        assert_eq!(
            timeout(short, scheduler.wait_for_trigger()).await,
            Ok(false),
            "a change of the contracts is not delayed"
        );
        scheduler.block_arrived();
        assert_eq!(timeout(short, scheduler.wait_for_trigger()).await, Ok(true), "announced before");
        assert!(timeout(short, scheduler.wait_for_trigger()).await.is_err(), "nothing announced");
        scheduler.poll_interval = Duration::from_millis(10);
        assert_eq!(timeout(short, scheduler.wait_for_trigger()).await, Ok(false), "polled");
        scheduler.backoff = ExponentialBackoff::new(ANNOUNCEMENT_DELAY_INITIAL, scheduler.poll_interval);
        scheduler.announcement_failed();
        assert!(scheduler.announcement_delay <= scheduler.poll_interval);
    }
}
