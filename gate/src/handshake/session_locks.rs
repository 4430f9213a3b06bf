//! Lock per session: one handshake of a session at a time. The node checks whether it knows the session, queries the
//! hub and then adds the peer; two concurrent handshakes would both pass the check, and the second one would take the
//! tunnel address of the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// Locks of the sessions with a running or waiting handshake.
#[derive(Debug, Default)]
pub(super) struct SessionLocks(Mutex<HashMap<u64, Arc<Lock<()>>>>);

/// Lock of one session, released on drop.
#[derive(Debug)]
pub(super) struct SessionLockGuard {
    locks: Arc<SessionLocks>,
    session: u64,
    lock: Arc<Lock<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl SessionLocks {
    /// Waits for the lock of a session. Waiters are served in their order.
    pub(super) async fn lock(self: &Arc<Self>, session: u64) -> SessionLockGuard {
        let lock = Arc::clone(self.sessions().entry(session).or_default());
        // Created before the wait, so that a cancelled wait also removes its entry.
        let mut guard = SessionLockGuard { locks: Arc::clone(self), session, lock, held: None };
        guard.held = Some(Arc::clone(&guard.lock).lock_owned().await);
        guard
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Arc<Lock<()>>>> {
        // Poisoning is harmless: no partial state is visible.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionLockGuard {
    fn drop(&mut self) {
        let mut sessions = self.locks.sessions();
        self.held = None;
        // No other waiter: the only references are the map entry and this guard.
        if Arc::strong_count(&self.lock) == 2 {
            sessions.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SHORT_WAIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn serialises_handshakes_of_a_session_and_removes_unused_locks() {
        let locks = Arc::new(SessionLocks::default());
        let first = locks.lock(1).await;
        drop(timeout(SHORT_WAIT, locks.lock(2)).await.unwrap());
        assert!(timeout(SHORT_WAIT, locks.lock(1)).await.is_err(), "two guards at once");
        let (waiting, second) = (
            Arc::clone(&locks),
            tokio::spawn({
                let locks = Arc::clone(&locks);
                async move { locks.lock(1).await }
            }),
        );
        tokio::time::sleep(SHORT_WAIT).await;
        drop(first);
        let second = timeout(SHORT_WAIT, second).await.unwrap().unwrap();
        assert!(timeout(SHORT_WAIT, waiting.lock(1)).await.is_err(), "two guards at once");
        assert_eq!(locks.sessions().len(), 1);
        drop(second);
        assert!(locks.sessions().is_empty());
    }
}
