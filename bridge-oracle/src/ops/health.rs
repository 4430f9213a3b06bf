//! Problems that keep the oracle from working, and since when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

/// Components that can have a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Reads of the registry.
    Ethereum,
    /// Reads of the hub.
    Hub,
    /// The approval of the governed configuration.
    Approval,
    /// Waiting for the operator's consent.
    Operator,
    /// Transactions on the hub.
    Submit,
    /// The first round.
    Start,
}

/// A component that is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// The component.
    pub what: Component,
    /// Reason, for a person.
    pub why: String,
    /// Start of the problem, RFC 3339.
    pub since: String,
}

/// Current problems. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<BTreeMap<Component, (String, SystemTime)>>>);

impl Default for Health {
    fn default() -> Self {
        let start = (Component::Start, ("no round has been made yet".to_owned(), SystemTime::now()));
        Self(Arc::new(Mutex::new(BTreeMap::from([start]))))
    }
}

impl Health {
    /// Records a problem of `part`; its start time is kept.
    pub fn report_problem(&self, part: Component, why: impl Into<String>) {
        let why = why.into();
        let mut parts = self.problems();
        let (reported, _) = parts.entry(part).or_insert_with(|| (String::new(), SystemTime::now()));
        if *reported != why {
            tracing::warn!(part = ?part, why, "not ready");
            *reported = why;
        }
    }

    /// Removes the problem of `part`.
    pub fn clear_problem(&self, part: Component) {
        if self.problems().remove(&part).is_some() {
            tracing::info!(part = ?part, "ready again");
        }
    }

    /// Returns all current problems.
    pub fn not_ready(&self) -> Vec<NotReady> {
        let line = |(&what, (why, since)): (&Component, &(String, SystemTime))| NotReady {
            what,
            why: why.clone(),
            since: humantime::format_rfc3339_seconds(*since).to_string(),
        };
        self.problems().iter().map(line).collect()
    }

    fn problems(&self) -> MutexGuard<'_, BTreeMap<Component, (String, SystemTime)>> {
        // Poisoning is harmless: each map operation completes or panics before it changes the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_start_of_problem_until_cleared() {
        let health = Health::default();
        health.clear_problem(Component::Start);
        assert!(health.not_ready().is_empty());
        health.report_problem(Component::Hub, "gone");
        let since = health.not_ready()[0].since.clone();
        health.report_problem(Component::Hub, "still gone");
        let now = health.not_ready();
        assert_eq!((now[0].why.as_str(), &now[0].since), ("still gone", &since));
        health.clear_problem(Component::Hub);
        assert!(health.not_ready().is_empty());
    }
}
