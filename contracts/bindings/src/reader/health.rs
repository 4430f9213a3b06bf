//! Health of a provider with its circuit breaker.

use std::time::Duration;

use service_backoff::ExponentialBackoff;
use tokio::time::Instant;

use super::call::Block;

/// Consecutive failures after which the circuit opens.
const FAILURES_BEFORE_OPEN: u32 = 3;
const OPEN_INITIAL: Duration = Duration::from_millis(250);
/// Short enough to use a recovered provider soon, long enough not to flood it.
const OPEN_MAX: Duration = Duration::from_secs(2);

/// Status of a provider, for the operator and `/ready`.
#[derive(Debug, Clone)]
pub struct ProviderStatus {
    /// Host and port.
    pub provider: String,
    /// Whether its chain id was checked since its last failure.
    pub chain_checked: bool,
    /// Its newest known block.
    pub head: Option<Block>,
    /// The present problem and its duration.
    pub problem: Option<(String, Duration)>,
}

/// State of the circuit breaker, and the newest block seen.
#[derive(Debug)]
pub(super) struct ProviderHealth {
    backoff: ExponentialBackoff,
    failures: u32,
    open_until: Option<Instant>,
    problem: Option<(String, Instant)>,
    pub(super) chain_checked: bool,
    pub(super) head: Option<(Block, Instant)>,
}

impl Default for ProviderHealth {
    fn default() -> Self {
        Self::new(ExponentialBackoff::new(OPEN_INITIAL, OPEN_MAX))
    }
}

impl ProviderHealth {
    fn new(backoff: ExponentialBackoff) -> Self {
        Self { backoff, failures: 0, open_until: None, problem: None, chain_checked: false, head: None }
    }

    /// Returns whether the provider may be asked at `now`. After an open period one trial request passes; the others
    /// are rejected until it ends.
    pub(super) fn allow_request(&mut self, now: Instant) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + self.open_duration());
                true
            }
            None => true,
        }
    }

    pub(super) fn record_success(&mut self, now: Instant, block: Block) {
        let head = self.head.take().map(|(block, _)| block);
        // A pinned read answers for an older block than the newest known.
        let newest = head.filter(|head| head.number > block.number && head.timestamp >= block.timestamp);
        *self = Self {
            chain_checked: true,
            head: Some((newest.unwrap_or(block), now)),
            ..Self::new(self.backoff)
        };
    }

    /// Records a failure. `grave`: it does not pass by itself, so the circuit opens at once for the maximum duration.
    pub(super) fn record_failure(&mut self, now: Instant, why: String, grave: bool) {
        self.failures = if grave { u32::MAX } else { self.failures.saturating_add(1) };
        self.chain_checked = false;
        let since = self.problem.take().map_or(now, |(_, since)| since);
        self.problem = Some((why, since));
        if self.failures >= FAILURES_BEFORE_OPEN {
            self.open_until = Some(now + self.open_duration());
        }
    }

    /// Returns the last failure.
    pub(super) fn trouble(&self) -> String {
        self.problem.as_ref().map(|(what, _)| what.clone()).unwrap_or_default()
    }

    pub(super) fn problem(&self, now: Instant) -> Option<(String, Duration)> {
        self.problem.as_ref().map(|(what, since)| (what.clone(), now.duration_since(*since)))
    }

    fn open_duration(&self) -> Duration {
        self.backoff.delay(self.failures.saturating_sub(FAILURES_BEFORE_OPEN))
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn block(number: u64) -> Block {
        Block { number, timestamp: 1000 + number, parent_hash: B256::ZERO }
    }

    fn without_jitter() -> ProviderHealth {
        ProviderHealth::new(ProviderHealth::default().backoff.without_jitter())
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// The exact sequence of open durations.
    #[test]
    fn open_duration_doubles_from_third_failure_up_to_two_seconds() {
        let start = Instant::now();
        let mut health = without_jitter();
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
    fn allows_one_trial_request_after_open_period() {
        let start = Instant::now();
        let mut health = without_jitter();
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
    fn failure_requires_new_chain_check() {
        let now = Instant::now();
        let mut health = without_jitter();
        health.record_success(now, block(1));
        assert!(health.chain_checked);
        health.record_failure(now, "reset".to_owned(), false);
        assert!(!health.chain_checked);
        assert!(health.allow_request(now), "one failure is no reason to rest");
    }

    #[test]
    fn grave_failure_opens_circuit_at_once() {
        let now = Instant::now();
        let mut health = without_jitter();
        health.record_failure(now, "wrong chain".to_owned(), true);
        assert!(!health.allow_request(after(now, 1999)));
        assert!(health.allow_request(after(now, 2000)));
    }

    #[test]
    fn problem_lasts_since_its_first_failure() {
        let start = Instant::now();
        let mut health = without_jitter();
        health.record_failure(start, "first".to_owned(), false);
        health.record_failure(after(start, 5000), "second".to_owned(), false);
        assert_eq!(health.problem(after(start, 9000)), Some(("second".to_owned(), Duration::from_secs(9))));
    }

    #[test]
    fn pinned_answer_keeps_head_but_restarted_chain_resets_it() {
        let now = Instant::now();
        let mut health = without_jitter();
        health.record_success(now, block(9));
        health.record_success(now, block(7));
        assert_eq!(health.head.unwrap().0.number, 9);
        let restarted = Block { number: 1, timestamp: 5000, parent_hash: B256::ZERO };
        health.record_success(now, restarted);
        assert_eq!(health.head.unwrap().0, restarted);
    }
}
