//! Sessions that rest on a new basis or were restored, and have not been re-evaluated since.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// Set of such sessions, with one consumer that waits for them.
#[derive(Debug, Default)]
pub(super) struct RebasedSessions {
    sessions: Mutex<BTreeSet<u64>>,
    added: Notify,
}

impl RebasedSessions {
    pub(super) fn add(&self, session: u64) {
        // Poisoning is harmless: the set changes by whole entries.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session);
        self.added.notify_one();
    }

    /// Takes the sessions; waits until there are some. Returns each once.
    pub(super) async fn take(&self) -> BTreeSet<u64> {
        loop {
            let sessions = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
            if !sessions.is_empty() {
                return sessions;
            }
            self.added.notified().await;
        }
    }
}
