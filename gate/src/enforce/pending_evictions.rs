//! Evictions whose callers wait for the evictor's lock: the next holder executes all of them with one call of the
//! driver.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::store::EvictionCause;

/// A requested eviction.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingEviction {
    number: u64,
    pub(super) session: u64,
    pub(super) cause: EvictionCause,
    /// When the loss became known.
    pub(super) since: Instant,
}

/// Requested evictions, in the order of the requests.
#[derive(Debug, Default)]
pub(super) struct PendingEvictions {
    requests: Mutex<Vec<PendingEviction>>,
    next: AtomicU64,
}

impl PendingEvictions {
    /// Requests evictions; those that are not executed yet are withdrawn when the guard is dropped.
    pub(super) fn add(
        &self,
        sessions: &[u64],
        cause: EvictionCause,
        since: Instant,
    ) -> PendingEvictionsGuard<'_> {
        let count = sessions.len() as u64;
        let first = self.next.fetch_add(count, Ordering::SeqCst);
        let numbers = first..first + count;
        let request =
            |(number, session): (u64, &u64)| PendingEviction { number, session: *session, cause, since };
        self.requests().extend(numbers.clone().zip(sessions).map(request));
        PendingEvictionsGuard { pending: self, numbers }
    }

    /// Takes all requests.
    pub(super) fn take(&self) -> Vec<PendingEviction> {
        std::mem::take(&mut *self.requests())
    }

    fn requests(&self) -> MutexGuard<'_, Vec<PendingEviction>> {
        // Poisoning is harmless: the list changes by whole entries.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Withdraws the requests that are not executed yet when their caller is dropped.
pub(super) struct PendingEvictionsGuard<'a> {
    pending: &'a PendingEvictions,
    numbers: Range<u64>,
}

impl Drop for PendingEvictionsGuard<'_> {
    fn drop(&mut self) {
        self.pending.requests().retain(|request| !self.numbers.contains(&request.number));
    }
}
