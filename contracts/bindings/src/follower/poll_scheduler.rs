//! When to look next. Whoever announces new heads is a stranger too: what comes in vain counts ever less often.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// Announcements do not count for so long after the first vain one, and twice as long after each further one.
const ANNOUNCEMENT_DELAY_INITIAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct PollScheduler {
    /// Rung by the socket.
    heads: Arc<Notify>,
    /// Rung when other contracts are to be followed.
    contracts: Arc<Notify>,
    poll: Duration,
    pause: Duration,
}

impl PollScheduler {
    pub(super) fn new(heads: Arc<Notify>, contracts: Arc<Notify>, poll: Duration) -> Self {
        Self { heads, contracts, poll, pause: Duration::ZERO }
    }

    /// Until there is a reason to look, at most until the next poll; whether it is a new head that was announced.
    pub(super) async fn wait_for_trigger(&self) -> bool {
        let poll = Instant::now() + self.poll;
        let announced = async {
            if !self.pause.is_zero() {
                sleep(self.pause).await;
            }
            self.heads.notified().await;
        };
        tokio::select! {
            () = announced => true,
            () = self.contracts.notified() => false,
            () = sleep_until(poll) => false,
        }
    }

    /// Whether the last announcement was not in vain.
    pub(super) fn trusts_announcements(&self) -> bool {
        self.pause.is_zero()
    }

    /// A head was announced and is nowhere to be found.
    pub(super) fn announcement_failed(&mut self) {
        self.pause = (self.pause * 2).max(ANNOUNCEMENT_DELAY_INITIAL).min(self.poll);
    }

    /// There is a new block.
    pub(super) fn block_arrived(&mut self) {
        self.pause = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn vain_announcements_count_ever_less_often_until_a_block_comes() {
        let (heads, contracts) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut waiting =
            PollScheduler::new(Arc::clone(&heads), Arc::clone(&contracts), Duration::from_secs(5));
        for expected in [0, 1, 2, 4, 5, 5] {
            assert_eq!((waiting.pause.as_secs(), waiting.trusts_announcements()), (expected, expected == 0));
            waiting.announcement_failed();
        }
        let short = Duration::from_millis(100);
        heads.notify_one();
        assert!(timeout(short, waiting.wait_for_trigger()).await.is_err(), "announced, and not believed");
        contracts.notify_one();
        assert_eq!(
            timeout(short, waiting.wait_for_trigger()).await,
            Ok(false),
            "other contracts do not wait"
        );
        waiting.block_arrived();
        assert_eq!(timeout(short, waiting.wait_for_trigger()).await, Ok(true), "announced before");
        assert!(timeout(short, waiting.wait_for_trigger()).await.is_err(), "nobody rings");
        waiting.poll = Duration::from_millis(10);
        assert_eq!(timeout(short, waiting.wait_for_trigger()).await, Ok(false), "polled");
        waiting.announcement_failed();
        assert_eq!(waiting.pause, waiting.poll);
    }
}
