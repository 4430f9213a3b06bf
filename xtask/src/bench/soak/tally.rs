//! What came back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use sentinel_stack::actors::Answer;

/// Everything that came back: kind of request, status and code, how often.
#[derive(Debug, Default)]
pub(super) struct AnswerCounter {
    counts: Mutex<BTreeMap<(&'static str, u16, u64), u64>>,
    lost: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl AnswerCounter {
    pub(super) fn add(&self, kind: &'static str, answer: Result<Answer>) {
        self.add_told(kind, answer.map(|answer| (answer.status, answer.code().unwrap_or_default())));
    }

    /// The same of status and code.
    pub(super) fn add_told(&self, kind: &'static str, told: Result<(u16, u64)>) {
        match told {
            Ok((status, code)) => *lock(&self.counts).entry((kind, status, code)).or_default() += 1,
            Err(error) => lock(&self.lost).push(format!("{kind}: {error:#}")),
        }
    }

    /// How often requests of this kind were answered so.
    pub(super) fn count(&self, kind: &str, status: u16, code: u64) -> u64 {
        let counts = lock(&self.counts);
        let of = |key: &(&str, u16, u64)| *key == (kind, status, code);
        counts.iter().filter(|(key, _)| of(key)).map(|(_, count)| count).sum()
    }

    pub(super) fn all(&self) -> u64 {
        lock(&self.counts).values().sum()
    }

    pub(super) fn told(&self) -> Vec<(&'static str, u16, u64, u64)> {
        lock(&self.counts)
            .iter()
            .map(|((kind, status, code), count)| (*kind, *status, *code, *count))
            .collect()
    }

    /// Requests that were not answered.
    pub(super) fn lost(&self) -> Vec<String> {
        lock(&self.lost).clone()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Ends the traffic; requests under way finish.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
