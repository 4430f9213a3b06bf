//! Takes peers out of the tunnel and brings them back, in the order that survives the end of this process at any
//! moment: first it is written that a peer has to be out, then it is taken out; it is let back first, then written
//! that it is in. So after a restart whatever is written as out is taken out once more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::Value;
use tokio::sync::Notify;

use super::peer;
use super::tunnel::{Peer, Presence, Restored, Tunnel, TunnelError};
use crate::store::{Cause, SessionRecord, SessionState, Store, StoreError};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why a peer is not let back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBack {
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the session changed meanwhile")]
    Changed,
}

/// Takes peers out of the tunnel and brings them back, one thing at a time.
pub struct Evictor {
    store: Store,
    tunnel: Arc<dyn Tunnel>,
    hand: tokio::sync::Mutex<()>,
    /// Written as out, and not taken out yet.
    unfinished: Mutex<BTreeSet<u64>>,
    /// Out, and not written so yet.
    unwritten: Arc<Mutex<BTreeSet<u64>>>,
    bell: Notify,
}

impl Evictor {
    /// Works on these.
    pub fn new(store: Store, tunnel: Arc<dyn Tunnel>) -> Self {
        let (hand, unfinished, unwritten) = (tokio::sync::Mutex::default(), Mutex::default(), Arc::default());
        Self { store, tunnel, hand, unfinished, unwritten, bell: Notify::new() }
    }

    /// Who is in the tunnel.
    pub(super) async fn present(&self) -> Result<Presence, TunnelError> {
        self.tunnel.present().await
    }

    /// Whether a peer is in the tunnel, also where the service does not name everybody.
    pub(super) async fn has(&self, peer: &Peer) -> Result<bool, TunnelError> {
        self.tunnel.has(peer).await
    }

    /// What the node told a peer's client, like what it told another one.
    pub(super) async fn retell(&self, peer: &Peer, another: &Value) -> Result<Option<Value>, TunnelError> {
        self.tunnel.retell(peer, another).await
    }

    /// How long ago the service was started anew, if it was since the last look.
    pub(super) async fn renewed(&self) -> Result<Option<Duration>, TunnelError> {
        self.tunnel.renewed().await
    }

    /// Evicts those of `sessions` that are live. What does not succeed at once is tried until it does.
    pub async fn evict(&self, sessions: &[u64], cause: Cause, since: Instant) {
        let _hand = self.hand.lock().await;
        let known = sessions.iter().filter_map(|id| self.store.session(*id));
        let live: Vec<_> = known.filter(|record| record.state == SessionState::Live).collect();
        self.take_out(&live, cause, since).await;
    }

    /// Evicts all of those meant, chosen while nobody comes back; how many were live. Unless the cause answers, those
    /// of them who are out stay out for it.
    pub(super) async fn evict_all(
        &self,
        meant: impl Fn(&SessionRecord) -> bool,
        cause: Cause,
    ) -> Result<usize, StoreError> {
        let _hand = self.hand.lock().await;
        let (live, out): (Vec<_>, Vec<_>) = (self.store.list_sessions().into_iter())
            .filter(|record| meant(record))
            .partition(|record| record.state == SessionState::Live);
        self.take_out(&live, cause, Instant::now()).await;
        if !cause.answers() {
            let comes_back = |record: &&Arc<SessionRecord>| record.cause.is_some_and(Cause::answers);
            for record in out.iter().filter(comes_back) {
                self.store.evict_session(record.session_id, cause).await?;
            }
        }
        Ok(live.len())
    }

    async fn take_out(&self, live: &[Arc<SessionRecord>], cause: Cause, since: Instant) {
        if live.is_empty() {
            return;
        }
        let ids: Vec<u64> = live.iter().map(|record| record.session_id).collect();
        let _rest = Rest(self);
        self.unfinished().extend(&ids);
        let written = join_all(ids.iter().map(|id| self.store.evict_session(*id, cause))).await;
        for (id, written) in ids.iter().zip(written) {
            if let Err(error) = written {
                // The peer goes all the same; the note is made when the store takes it.
                tracing::error!(%error, session = id, "cannot write down an eviction");
                self.mend(*id, cause);
            }
        }
        self.shut_out(&live.iter().map(|record| peer(record)).collect::<Vec<_>>()).await;
        for record in live {
            metrics::counter!("sovereign_gate_evictions_total", "cause" => cause.label()).increment(1);
            metrics::histogram!("sovereign_gate_eviction_seconds").record(since.elapsed());
            tracing::info!(session = record.session_id, cause = cause.label(), "session evicted");
        }
    }

    /// Takes evicted sessions out of the tunnel once more.
    pub(super) async fn repeat(&self, sessions: &[u64]) {
        let _hand = self.hand.lock().await;
        let peers: Vec<Peer> = sessions.iter().filter_map(|id| self.evicted(*id)).collect();
        if !peers.is_empty() {
            let _rest = Rest(self);
            self.unfinished().extend(peers.iter().map(|peer| peer.session_id));
            self.shut_out(&peers).await;
        }
    }

    /// Shuts peers out that belong to no session of ours.
    pub(super) async fn shut_out_unknown(&self, peers: &[Peer]) -> Result<(), TunnelError> {
        let _hand = self.hand.lock().await;
        self.tunnel.shut_out(peers).await
    }

    /// Lets the peer of an evicted session, or of a live one that lost it, back and writes down that it rests on
    /// what `record` says.
    pub(super) async fn let_back(&self, record: SessionRecord) -> Result<Restored, NotBack> {
        let _hand = self.hand.lock().await;
        let id = record.session_id;
        let known = self.store.session(id).ok_or(NotBack::Changed)?;
        if known.peer_id != record.peer_id || known.handshake_hash != record.handshake_hash {
            return Err(NotBack::Changed);
        }
        // It was looked at before somebody evicted it, or dropped it for good.
        if known.state != record.state || known.cause.is_some_and(|cause| !cause.answers()) {
            return Err(NotBack::Changed);
        }
        // Its eviction is not written yet.
        if lock(&self.unwritten).contains(&id) {
            return Err(NotBack::Changed);
        }
        let peer = peer(&record);
        let restored = self.tunnel.let_back(&peer).await?;
        if restored != Restored::Passing {
            return Ok(restored);
        }
        let _rest = Rest(self);
        self.unfinished().insert(id);
        let record = SessionRecord { state: SessionState::Live, cause: None, ..record };
        if let Err(error) = self.store.update_session(record).await {
            // What is not written does not count, and the next start would undo it.
            self.shut_out(std::slice::from_ref(&peer)).await;
            return Err(error.into());
        }
        self.unfinished().remove(&id);
        tracing::info!(session = id, "the peer of a session is back");
        Ok(restored)
    }

    /// Writes down what a live session rests on now.
    pub(super) async fn update(&self, record: SessionRecord) -> Result<(), NotBack> {
        let _hand = self.hand.lock().await;
        let known = self.store.session(record.session_id).ok_or(NotBack::Changed)?;
        if known.state != SessionState::Live || known.handshake_hash != record.handshake_hash {
            return Err(NotBack::Changed);
        }
        Ok(self.store.update_session(record).await?)
    }

    /// Tries what did not succeed until it does, for ever.
    pub(super) async fn finish(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.unfinished().is_empty() {
                pause = FIRST_PAUSE;
                self.bell.notified().await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let open: Vec<u64> = self.unfinished().iter().copied().collect();
            let _hand = self.hand.lock().await;
            for id in open {
                match self.evicted(id) {
                    // One after the other: one that fails keeps nobody else in.
                    Some(peer) => self.shut_out(&[peer]).await,
                    None => drop(self.unfinished().remove(&id)),
                }
            }
        }
    }

    async fn shut_out(&self, peers: &[Peer]) {
        match self.tunnel.shut_out(peers).await {
            Ok(()) => {
                let mut unfinished = self.unfinished();
                for peer in peers {
                    unfinished.remove(&peer.session_id);
                }
            }
            Err(error) => {
                let sessions: Vec<u64> = peers.iter().map(|peer| peer.session_id).collect();
                tracing::warn!(%error, ?sessions, "peers cannot be taken out of the tunnel: trying again");
            }
        }
    }

    /// Writes down an eviction later.
    fn mend(&self, session: u64, cause: Cause) {
        let (store, unwritten) = (self.store.clone(), Arc::clone(&self.unwritten));
        lock(&unwritten).insert(session);
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            while let Some(record) = store.session(session) {
                let live = record.state == SessionState::Live;
                if !live
                    || matches!(store.evict_session(session, cause).await, Ok(()) | Err(StoreError::Closed))
                {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            lock(&unwritten).remove(&session);
        });
    }

    fn evicted(&self, session: u64) -> Option<Peer> {
        let record = self.store.session(session)?;
        (record.state == SessionState::Evicted).then(|| peer(&record))
    }

    fn unfinished(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        lock(&self.unfinished)
    }
}

/// Rings for what is not finished when it is dropped: it failed, or whoever waited for it has left in the middle.
struct Rest<'a>(&'a Evictor);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if !self.0.unfinished().is_empty() {
            self.0.bell.notify_one();
        }
    }
}

/// Whole at every moment.
fn lock(sessions: &Mutex<BTreeSet<u64>>) -> MutexGuard<'_, BTreeSet<u64>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
