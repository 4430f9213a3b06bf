//! Estimates the block time of the hub and derives the poll delay from it.

use std::time::{Duration, Instant};

const MIN_BLOCK_TIME: Duration = Duration::from_millis(400);
const MAX_BLOCK_TIME: Duration = Duration::from_secs(8);
/// Block time assumed before the first measurement.
const INITIAL_BLOCK_TIME: Duration = Duration::from_secs(1);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);
const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Moving average of the block time. The poll delay gives two or three polls for each block.
#[derive(Debug)]
pub(super) struct BlockTimeEstimator {
    block: Duration,
    last: Option<(u64, Instant)>,
    failures: u32,
}

impl BlockTimeEstimator {
    pub(super) fn new() -> Self {
        Self { block: INITIAL_BLOCK_TIME, last: None, failures: 0 }
    }

    /// Records a height; returns whether it is a new block.
    pub(super) fn observe_height(&mut self, height: u64, now: Instant) -> bool {
        self.failures = 0;
        let Some((before, when)) = self.last else {
            self.last = Some((height, now));
            return true;
        };
        if height == before {
            return false;
        }
        self.last = Some((height, now));
        if let Some(blocks) = height.checked_sub(before) {
            let each = now.saturating_duration_since(when) / u32::try_from(blocks).unwrap_or(u32::MAX);
            self.block = ((self.block * 3 + each) / 4).clamp(MIN_BLOCK_TIME, MAX_BLOCK_TIME);
        }
        true
    }

    /// Records a failed poll.
    pub(super) fn record_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Time until the next poll: three quarters of a block time after a new block, then a sixth; after failures 250
    /// ms, doubled each time, up to 5 s.
    pub(super) fn poll_delay(&self, new_block: bool) -> Duration {
        if self.failures > 0 {
            return INITIAL_RETRY_DELAY.saturating_mul(1 << (self.failures - 1).min(8)).min(MAX_RETRY_DELAY);
        }
        if new_block {
            self.block * 3 / 4
        } else {
            (self.block / 6).clamp(MIN_BLOCK_TIME / 4, MAX_BLOCK_TIME / 8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_block_time() {
        for block in [500, 2000, 6000].map(Duration::from_millis) {
            let mut pace = BlockTimeEstimator::new();
            let mut now = Instant::now();
            for height in 1..30 {
                assert!(pace.observe_height(height, now));
                assert!(!pace.observe_height(height, now));
                now += block;
            }
            assert!(
                pace.poll_delay(true) > block / 2 && pace.poll_delay(true) < block,
                "{:?}",
                pace.poll_delay(true)
            );
            assert!(pace.poll_delay(false) < block / 4, "{:?}", pace.poll_delay(false));
        }
    }

    #[test]
    fn spreads_gap_over_blocks_and_ignores_step_back() {
        let mut pace = BlockTimeEstimator::new();
        let now = Instant::now();
        pace.observe_height(100, now);
        pace.observe_height(160, now + Duration::from_secs(30));
        assert!(pace.poll_delay(true) < INITIAL_BLOCK_TIME);
        let before = pace.poll_delay(true);
        assert!(pace.observe_height(5, now + Duration::from_secs(31)));
        assert_eq!(pace.poll_delay(true), before);
    }

    #[test]
    fn backs_off_after_failures() {
        let mut pace = BlockTimeEstimator::new();
        let pauses: Vec<_> = (0..7)
            .map(|_| {
                pace.record_failure();
                pace.poll_delay(false).as_millis()
            })
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        pace.observe_height(1, Instant::now());
        assert!(pace.poll_delay(true) < INITIAL_BLOCK_TIME);
    }
}
