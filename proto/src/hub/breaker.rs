//! When to leave a failing endpoint alone, so that a fault makes no storm of retries.

use std::time::Duration;

use service_backoff::ExponentialBackoff;
use tokio::time::Instant;

const OPEN_INITIAL: Duration = Duration::from_millis(250);
const OPEN_MAX: Duration = Duration::from_secs(5);

/// Rests 250 ms after a failure, then twice as long after each further one, up to 5 s, less jitter. When the rest is over
/// one question goes through as a trial; the others wait for how it ends.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    backoff: ExponentialBackoff,
    /// Counts the faults; questions that were under way together tell of one fault, not of many.
    fault: u64,
    failures: u32,
    rests_until: Option<Instant>,
    last: String,
}

/// A question that may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    fault: u64,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new(ExponentialBackoff::new(OPEN_INITIAL, OPEN_MAX))
    }
}

impl CircuitBreaker {
    fn new(backoff: ExponentialBackoff) -> Self {
        Self { backoff, fault: 0, failures: 0, rests_until: None, last: String::new() }
    }

    /// Whether a question may go now. A trial that never reports back is forgotten after `trial`.
    pub(super) fn admit(&mut self, now: Instant, trial: Duration) -> Option<Ticket> {
        if self.is_resting(now) {
            return None;
        }
        if self.rests_until.is_some() {
            self.rests_until = Some(now + trial);
        }
        Some(Ticket { fault: self.fault })
    }

    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }

    /// Failures in a row, and what the last one was.
    pub(super) fn story(&self) -> (u32, String) {
        (self.failures, self.last.clone())
    }

    pub(super) fn succeeded(&mut self, ticket: Ticket) {
        if ticket.fault == self.fault {
            self.failures = 0;
            self.rests_until = None;
        }
    }

    pub(super) fn failed(&mut self, now: Instant, ticket: Ticket, why: String) {
        if ticket.fault != self.fault {
            return;
        }
        let rest = self.backoff.delay(self.failures);
        self.fault += 1;
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(now + rest);
        self.last = why;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIAL: Duration = Duration::from_secs(1);

    fn without_jitter() -> CircuitBreaker {
        CircuitBreaker::new(CircuitBreaker::default().backoff.without_jitter())
    }

    #[test]
    fn rests_grow_and_one_trial_goes() {
        let mut breaker = without_jitter();
        let mut now = Instant::now();
        for rest in [250, 500, 1000, 2000, 4000, 5000, 5000] {
            let ticket = breaker.admit(now, TRIAL).unwrap();
            breaker.failed(now, ticket, "down".to_owned());
            assert!(breaker.admit(now + Duration::from_millis(rest - 1), TRIAL).is_none(), "{rest}");
            now += Duration::from_millis(rest);
        }
        let trial = breaker.admit(now, TRIAL).unwrap();
        assert!(breaker.admit(now, TRIAL).is_none());
        assert_eq!(breaker.story(), (7, "down".to_owned()));
        breaker.succeeded(trial);
        assert!(breaker.admit(now, TRIAL).is_some() && breaker.admit(now, TRIAL).is_some());
        assert_eq!(breaker.story().0, 0);
    }

    #[test]
    fn a_lost_trial_is_forgotten_and_one_fault_counts_once() {
        let mut breaker = without_jitter();
        let now = Instant::now();
        let tickets: Vec<_> = (0..50).map(|_| breaker.admit(now, TRIAL).unwrap()).collect();
        for ticket in &tickets {
            breaker.failed(now, *ticket, "down".to_owned());
        }
        assert_eq!(breaker.story().0, 1);
        // One that was slower than the fault does not hide it.
        breaker.succeeded(tickets[0]);
        assert!(breaker.is_resting(now));
        let rested = now + OPEN_INITIAL;
        assert!(breaker.admit(rested, TRIAL).is_some());
        assert!(breaker.admit(rested, TRIAL).is_none());
        assert!(breaker.admit(rested + TRIAL, TRIAL).is_some());
    }
}
