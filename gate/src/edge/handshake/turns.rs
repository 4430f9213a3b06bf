//! One handshake of a session at a time. The node looks whether it knows a session, asks the hub, and then adds the
//! peer: of two at once both would pass, and the second one would take the tunnel's address from the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

/// Sessions whose handshakes are being worked on, or wait for that.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<u64, Arc<Lock<()>>>>);

/// The turn of one handshake, over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    session: u64,
    lock: Arc<Lock<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until no other handshake of the session has its turn. They come in the order in which they asked.
    pub(super) async fn take(self: &Arc<Self>, session: u64) -> Turn {
        let lock = Arc::clone(self.sessions().entry(session).or_default());
        // Made before anything is waited for: who gives up waiting leaves nothing behind.
        let mut turn = Turn { turns: Arc::clone(self), session, lock, held: None };
        turn.held = Some(Arc::clone(&turn.lock).lock_owned().await);
        turn
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Arc<Lock<()>>>> {
        // Whole at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut sessions = self.turns.sessions();
        self.held = None;
        // Nobody else waits: there are the one in the map and this one.
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

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn one_of_a_session_at_a_time_and_nothing_is_left() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(1).await;
        drop(timeout(SOON, turns.take(2)).await.unwrap());
        assert!(timeout(SOON, turns.take(1)).await.is_err(), "two at once");
        let (waits, second) = (
            Arc::clone(&turns),
            tokio::spawn({
                let turns = Arc::clone(&turns);
                async move { turns.take(1).await }
            }),
        );
        tokio::time::sleep(SOON).await;
        drop(first);
        let second = timeout(SOON, second).await.unwrap().unwrap();
        assert!(timeout(SOON, waits.take(1)).await.is_err(), "two at once");
        assert_eq!(turns.sessions().len(), 1);
        drop(second);
        assert!(turns.sessions().is_empty());
    }
}
