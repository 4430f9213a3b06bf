//! What is known of a provider, and whether it may be asked.

use std::time::Duration;

use tokio::time::Instant;

use super::call::Block;

/// Failures in a row after which a provider rests.
const FAILURES_BEFORE_OPEN: u32 = 3;
const OPEN_INITIAL: Duration = Duration::from_millis(250);
/// Short, so that whoever comes back is used again at once; long enough that nobody is stormed.
const OPEN_MAX: Duration = Duration::from_secs(2);

/// One provider, for people and for `/ready`.
#[derive(Debug, Clone)]
pub struct ProviderStatus {
    /// Host and port.
    pub provider: String,
    /// Whether its chain id has been seen to be the right one since its last failure.
    pub chain_checked: bool,
    /// Its newest block, as far as known.
    pub head: Option<Block>,
    /// What is wrong, and for how long.
    pub problem: Option<(String, Duration)>,
}

/// State of the circuit breaker and of what was seen.
#[derive(Debug, Default)]
pub(super) struct ProviderHealth {
    failures: u32,
    rests_until: Option<Instant>,
    problem: Option<(String, Instant)>,
    pub(super) chain_checked: bool,
    pub(super) head: Option<(Block, Instant)>,
}

impl ProviderHealth {
    /// Whether it may be asked at `now`. After a rest one question goes through; the others wait for its fate.
    pub(super) fn allow_request(&mut self, now: Instant) -> bool {
        match self.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + rest(self.failures));
                true
            }
            None => true,
        }
    }

    pub(super) fn record_success(&mut self, now: Instant, block: Block) {
        let head = self.head.take().map(|(block, _)| block);
        // A pinned read answers for an older block than the newest known.
        let newest = head.filter(|head| head.number > block.number && head.timestamp >= block.timestamp);
        *self = Self { chain_checked: true, head: Some((newest.unwrap_or(block), now)), ..Self::default() };
    }

    /// `grave`: it will not pass by itself, so it rests at once and longest.
    pub(super) fn record_failure(&mut self, now: Instant, why: String, grave: bool) {
        self.failures = if grave { u32::MAX } else { self.failures.saturating_add(1) };
        self.chain_checked = false;
        let since = self.problem.take().map_or(now, |(_, since)| since);
        self.problem = Some((why, since));
        if self.failures >= FAILURES_BEFORE_OPEN {
            self.rests_until = Some(now + rest(self.failures));
        }
    }

    /// The last failure.
    pub(super) fn trouble(&self) -> String {
        self.problem.as_ref().map(|(what, _)| what.clone()).unwrap_or_default()
    }

    pub(super) fn problem(&self, now: Instant) -> Option<(String, Duration)> {
        self.problem.as_ref().map(|(what, since)| (what.clone(), now.duration_since(*since)))
    }
}

fn rest(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(FAILURES_BEFORE_OPEN).min(8);
    (OPEN_INITIAL * (1 << doublings)).min(OPEN_MAX)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn block(number: u64) -> Block {
        Block { number, timestamp: 1000 + number, parent: B256::ZERO }
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// The exact sequence of rests, which the guide tells.
    #[test]
    fn rests_double_from_the_third_failure_up_to_two_seconds() {
        let start = Instant::now();
        let mut health = ProviderHealth::default();
        let mut now = start;
        for expected in [0, 0, 250, 500, 1000, 2000, 2000] {
            health.record_failure(now, "down".to_owned(), false);
            if expected > 0 {
                assert!(!health.allow_request(after(now, expected - 1)), "rests for {expected} ms");
                now = after(now, expected);
            }
            assert!(health.allow_request(now), "asked again after {expected} ms");
        }
    }

    #[test]
    fn one_question_goes_through_after_a_rest() {
        let start = Instant::now();
        let mut health = ProviderHealth::default();
        for _ in 0..3 {
            health.record_failure(start, "down".to_owned(), false);
        }
        let later = after(start, 300);
        assert!(health.allow_request(later));
        assert!(!health.allow_request(later), "the others wait for its fate");
        health.record_success(later, block(7));
        assert!(health.allow_request(later) && health.allow_request(later));
        assert!(health.problem(later).is_none());
    }

    #[test]
    fn a_failure_has_the_chain_checked_again() {
        let now = Instant::now();
        let mut health = ProviderHealth::default();
        health.record_success(now, block(1));
        assert!(health.chain_checked);
        health.record_failure(now, "reset".to_owned(), false);
        assert!(!health.chain_checked);
        assert!(health.allow_request(now), "one failure is no reason to rest");
    }

    #[test]
    fn a_grave_failure_rests_at_once() {
        let now = Instant::now();
        let mut health = ProviderHealth::default();
        health.record_failure(now, "wrong chain".to_owned(), true);
        assert!(!health.allow_request(after(now, 1999)));
        assert!(health.allow_request(after(now, 2000)));
    }

    #[test]
    fn a_problem_is_as_old_as_its_first_failure() {
        let start = Instant::now();
        let mut health = ProviderHealth::default();
        health.record_failure(start, "first".to_owned(), false);
        health.record_failure(after(start, 5000), "second".to_owned(), false);
        assert_eq!(health.problem(after(start, 9000)), Some(("second".to_owned(), Duration::from_secs(9))));
    }

    #[test]
    fn a_pinned_answer_does_not_turn_the_head_back_but_a_restarted_chain_does() {
        let now = Instant::now();
        let mut health = ProviderHealth::default();
        health.record_success(now, block(9));
        health.record_success(now, block(7));
        assert_eq!(health.head.unwrap().0.number, 9);
        let restarted = Block { number: 1, timestamp: 5000, parent: B256::ZERO };
        health.record_success(now, restarted);
        assert_eq!(health.head.unwrap().0, restarted);
    }
}
