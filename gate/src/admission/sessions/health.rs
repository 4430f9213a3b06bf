//! Whether the hub answers, for `/ready` and metrics.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Health of the connection to the hub.
#[derive(Debug, Clone)]
pub struct HubHealth {
    /// Why the hub does not answer; `None`: it answers.
    pub down: Option<String>,
    /// Time of the last change between up and down.
    pub since: SystemTime,
    /// Last height read.
    pub height: Option<u64>,
}

impl HubHealth {
    /// Whether the hub answers.
    pub fn is_up(&self) -> bool {
        self.down.is_none()
    }
}

const NOT_ASKED_YET: &str = "not asked yet";

#[derive(Debug)]
pub(super) struct HubHealthTracker(Mutex<HubHealth>);

impl HubHealthTracker {
    pub(super) fn new() -> Self {
        let down = Some(NOT_ASKED_YET.to_owned());
        Self(Mutex::new(HubHealth { down, since: SystemTime::now(), height: None }))
    }

    pub(super) fn now(&self) -> HubHealth {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records the outcome of a poll.
    pub(super) fn note(&self, outcome: Result<u64, String>) {
        metrics::gauge!("sovereign_gate_hub_up").set(if outcome.is_ok() { 1.0 } else { 0.0 });
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_up = health.is_up();
        match outcome {
            Ok(height) => {
                if !was_up {
                    tracing::info!(height, "the hub answers");
                }
                health.height = Some(height);
                health.down = None;
            }
            Err(why) => {
                if health.down.as_deref().is_none_or(|before| before == NOT_ASKED_YET) {
                    tracing::warn!(why, "the hub cannot be followed");
                }
                health.down = Some(why);
            }
        }
        if was_up != health.is_up() {
            health.since = SystemTime::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_time_of_last_change() {
        let health = HubHealthTracker::new();
        let start = health.now();
        assert!(!start.is_up());
        health.note(Err("refused".to_owned()));
        assert_eq!((health.now().since, health.now().down.as_deref()), (start.since, Some("refused")));
        health.note(Ok(5));
        let up = health.now();
        assert!(up.is_up() && up.since >= start.since && up.height == Some(5));
        health.note(Ok(6));
        assert_eq!((health.now().since, health.now().height), (up.since, Some(6)));
        health.note(Err("gone".to_owned()));
        assert_eq!(health.now().height, Some(6));
    }
}
