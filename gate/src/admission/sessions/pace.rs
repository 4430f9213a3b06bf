//! When to look for the next block.

use std::time::{Duration, Instant};

const SHORTEST_BLOCK: Duration = Duration::from_millis(400);
const LONGEST_BLOCK: Duration = Duration::from_secs(8);
/// Until the chain's own pace is known.
const FIRST_GUESS: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Learns how fast blocks come, and looks two or three times for each.
#[derive(Debug)]
pub(super) struct Pace {
    block: Duration,
    last: Option<(u64, Instant)>,
    failures: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { block: FIRST_GUESS, last: None, failures: 0 }
    }

    /// The hub is at `height`: whether that is a new block.
    pub(super) fn saw(&mut self, height: u64, now: Instant) -> bool {
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
            self.block = ((self.block * 3 + each) / 4).clamp(SHORTEST_BLOCK, LONGEST_BLOCK);
        }
        true
    }

    /// The hub gave no answer.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Time until the next look: most of a block after a new one, then short steps; after failures 250 ms,
    /// doubled each time, up to 5 s.
    pub(super) fn pause(&self, new_block: bool) -> Duration {
        if self.failures > 0 {
            return FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(8)).min(LONGEST_PAUSE);
        }
        if new_block {
            self.block * 3 / 4
        } else {
            (self.block / 6).clamp(SHORTEST_BLOCK / 4, LONGEST_BLOCK / 8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_the_chains_pace() {
        for block in [500, 2000, 6000].map(Duration::from_millis) {
            let mut pace = Pace::new();
            let mut now = Instant::now();
            for height in 1..30 {
                assert!(pace.saw(height, now));
                assert!(!pace.saw(height, now));
                now += block;
            }
            assert!(pace.pause(true) > block / 2 && pace.pause(true) < block, "{:?}", pace.pause(true));
            assert!(pace.pause(false) < block / 4, "{:?}", pace.pause(false));
        }
    }

    #[test]
    fn a_gap_is_many_blocks_and_a_step_back_is_no_pace() {
        let mut pace = Pace::new();
        let now = Instant::now();
        pace.saw(100, now);
        pace.saw(160, now + Duration::from_secs(30));
        assert!(pace.pause(true) < FIRST_GUESS);
        let before = pace.pause(true);
        assert!(pace.saw(5, now + Duration::from_secs(31)));
        assert_eq!(pace.pause(true), before);
    }

    #[test]
    fn failures_are_answered_with_patience() {
        let mut pace = Pace::new();
        let pauses: Vec<_> = (0..7)
            .map(|_| {
                pace.failed();
                pace.pause(false).as_millis()
            })
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        pace.saw(1, Instant::now());
        assert!(pace.pause(true) < FIRST_GUESS);
    }
}
