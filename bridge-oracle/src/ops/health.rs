//! What keeps the oracle from its work, and since when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

/// The parts that can be in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Reading the registry.
    Ethereum,
    /// Reading the hub.
    Hub,
    /// The approval of the governed configuration.
    Approval,
    /// The operator's word is needed.
    Operator,
    /// Transactions on the hub.
    Submit,
    /// The first round.
    Start,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// The part.
    pub what: Part,
    /// Why, for a person.
    pub why: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// What is in trouble. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<BTreeMap<Part, (String, SystemTime)>>>);

impl Default for Health {
    fn default() -> Self {
        let start = (Part::Start, ("no round has been made yet".to_owned(), SystemTime::now()));
        Self(Arc::new(Mutex::new(BTreeMap::from([start]))))
    }
}

impl Health {
    /// `part` is in trouble; the time of its beginning stays.
    pub fn trouble(&self, part: Part, why: impl Into<String>) {
        let why = why.into();
        let mut parts = self.parts();
        let (told, _) = parts.entry(part).or_insert_with(|| (String::new(), SystemTime::now()));
        if *told != why {
            tracing::warn!(part = ?part, why, "not ready");
            *told = why;
        }
    }

    /// `part` is well.
    pub fn well(&self, part: Part) {
        if self.parts().remove(&part).is_some() {
            tracing::info!(part = ?part, "ready again");
        }
    }

    /// Everything that is in trouble.
    pub fn not_ready(&self) -> Vec<NotReady> {
        let line = |(&what, (why, since)): (&Part, &(String, SystemTime))| NotReady {
            what,
            why: why.clone(),
            since: humantime::format_rfc3339_seconds(*since).to_string(),
        };
        self.parts().iter().map(line).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, (String, SystemTime)>> {
        // A map is whole between two calls of its methods.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_has_a_beginning_and_an_end() {
        let health = Health::default();
        health.well(Part::Start);
        assert!(health.not_ready().is_empty());
        health.trouble(Part::Hub, "gone");
        let since = health.not_ready()[0].since.clone();
        health.trouble(Part::Hub, "still gone");
        let now = health.not_ready();
        assert_eq!((now[0].why.as_str(), &now[0].since), ("still gone", &since));
        health.well(Part::Hub);
        assert!(health.not_ready().is_empty());
    }
}
