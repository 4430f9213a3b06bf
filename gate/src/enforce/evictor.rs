//! Blocks and restores peers in an order that survives a crash at any moment: an eviction is recorded before the peer
//! is blocked, and a peer is restored before the session is recorded as live. After a restart the peers of all
//! sessions recorded as evicted are blocked again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use serde_json::Value;
use service_runtime::backoff::ExponentialBackoff;
use sovereign_tunnel::{Peer, Presence, RestoreOutcome, Tunnel, TunnelError};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::peer;
use super::pending_evictions::PendingEvictions;
use super::rebased_sessions::RebasedSessions;
use crate::admission::{Grant, SessionEvictor, UpdateError};
use crate::refusal::Refusal;
use crate::store::{EvictionCause, SessionRecord, SessionState, Store, StoreError};

/// Delays between retries of an eviction.
const EVICTION_RETRY: ExponentialBackoff =
    ExponentialBackoff::new(Duration::from_millis(500), Duration::from_secs(15)).without_jitter();
/// Maximum wait for the tunnel's public key before a first handshake.
const SERVER_KEY_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum wait for an answer of the node before a peer is restored.
const NODE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a peer is not restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the session changed meanwhile")]
    Changed,
    #[error("the node does not answer")]
    NodeSilent,
}

/// Checks whether the node behind the gate answers now.
pub type NodeAnswers = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Blocks and restores peers in the tunnel, one operation at a time.
pub struct Evictor {
    store: Store,
    tunnel: Arc<dyn Tunnel>,
    /// `None`: the node is not checked before a peer is restored.
    node_answers: Option<NodeAnswers>,
    op_lock: tokio::sync::Mutex<()>,
    /// Requested evictions, executed by the next holder of `op_lock`.
    pending: PendingEvictions,
    /// Sessions recorded as evicted whose peers are not blocked yet.
    unfinished: Mutex<BTreeSet<u64>>,
    /// Sessions whose peers are blocked and whose eviction is not recorded yet.
    unwritten: Arc<Mutex<BTreeSet<u64>>>,
    /// Sessions that have left the hub and whose peers may still be in the tunnel.
    ending: Mutex<BTreeSet<u64>>,
    rebased: RebasedSessions,
    /// The tunnel's own public key, if it has one, as it was read last. `None`: not read yet.
    #[expect(clippy::option_option, reason = "not read yet, or no key")]
    server_key: Mutex<Option<Option<String>>>,
    /// Wakes the retries.
    retry_requested: Notify,
}

impl Evictor {
    /// Creates an evictor that does not check the node before it restores a peer.
    pub fn new(store: Store, tunnel: Arc<dyn Tunnel>) -> Self {
        Self {
            store,
            tunnel,
            node_answers: None,
            op_lock: tokio::sync::Mutex::default(),
            pending: PendingEvictions::default(),
            unfinished: Mutex::default(),
            unwritten: Arc::default(),
            ending: Mutex::default(),
            rebased: RebasedSessions::default(),
            server_key: Mutex::default(),
            retry_requested: Notify::new(),
        }
    }

    /// Adds the node check: no peer is restored while the node does not answer, because a dead node meters nothing.
    #[must_use]
    pub fn with_node_check(self, node_answers: NodeAnswers) -> Self {
        Self { node_answers: Some(node_answers), ..self }
    }

    /// Lists the peers in the tunnel.
    pub(super) async fn present(&self) -> Result<Presence, TunnelError> {
        let presence = self.tunnel.present().await?;
        *lock(&self.server_key) = Some(presence.server_key.clone());
        Ok(presence)
    }

    /// Whether `peer_id` is the tunnel's own public key. Reads the tunnel if the key is not known yet.
    pub async fn is_server_key(&self, peer_id: &str) -> bool {
        let known = lock(&self.server_key).clone();
        let key = match known {
            Some(key) => key,
            None => match timeout(SERVER_KEY_TIMEOUT, self.present()).await {
                Ok(Ok(presence)) => presence.server_key,
                Ok(Err(_)) | Err(_) => None,
            },
        };
        key.is_some_and(|key| key == peer_id)
    }

    /// Whether a peer is in the tunnel, also for services that do not list all peers.
    pub(super) async fn has(&self, peer: &Peer) -> Result<bool, TunnelError> {
        self.tunnel.has(peer).await
    }

    /// Rebuilds the node's answer to a peer's client from its answer to another client.
    pub(super) async fn rebuild_answer(
        &self,
        peer: &Peer,
        another: &Value,
    ) -> Result<Option<Value>, TunnelError> {
        self.tunnel.rebuild_answer(peer, another).await
    }

    /// How long ago the service restarted, if it did since the last call.
    pub(super) async fn restarted_since(&self) -> Result<Option<Duration>, TunnelError> {
        self.tunnel.restarted_since().await
    }

    /// Evicts the live ones of `sessions`. Evicted ones get `cause` if no handshake can undo it. Failed steps are
    /// retried until they succeed.
    pub async fn evict(&self, sessions: &[u64], cause: EvictionCause, since: Instant) {
        let _pending = self.pending.add(sessions, cause, since);
        let _guard = self.lock().await;
    }

    /// Evicts a session that was admitted by a decision from before a pause. Probes pass during a pause too.
    pub(super) async fn evict_if_paused(&self, session: u64, grant: &Grant) -> Result<(), Refusal> {
        if self.store.pauses().current().is_none() || matches!(grant, Grant::Probe) {
            return Ok(());
        }
        self.evict(&[session], EvictionCause::Lockdown, Instant::now()).await;
        Err(Refusal::Paused)
    }

    /// Waits for the lock and executes the pending orders: no eviction waits for the restores queued before it.
    async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        let guard = self.op_lock.lock().await;
        self.execute_pending().await;
        guard
    }

    /// Executes all pending evictions.
    async fn execute_pending(&self) {
        let orders = self.pending.take();
        let mut leaving: Vec<(Arc<SessionRecord>, EvictionCause, Instant)> = Vec::with_capacity(orders.len());
        let mut out = Vec::new();
        for order in orders {
            let Some(record) = self.store.sessions().get(order.session) else { continue };
            let is_known = leaving.iter().any(|(record, ..)| record.session_id == order.session);
            match record.is_live() {
                true if !is_known => leaving.push((record, order.cause, order.since)),
                true => {}
                false => out.push((record, order.cause)),
            }
        }
        self.evict_live(&leaving).await;
        for (record, cause) in out {
            if let Err(error) = self.record_final_cause(&record, cause).await {
                tracing::warn!(%error, session = record.session_id, "cannot note why a session is out");
            }
        }
    }

    /// Records for an evicted session a cause that no handshake can undo.
    async fn record_final_cause(
        &self,
        record: &SessionRecord,
        cause: EvictionCause,
    ) -> Result<(), StoreError> {
        if cause.allows_repeat() || !record.cause.is_some_and(EvictionCause::allows_repeat) {
            return Ok(());
        }
        self.store.sessions().evict(record.session_id, cause).await
    }

    /// Removes the peer of a session that has left the hub, then frees its key, claim and slot. Failed steps are
    /// retried until they succeed.
    pub async fn end_session(&self, session: u64) {
        let _guard = self.lock().await;
        let _retry = RetryGuard(self);
        lock(&self.ending).insert(session);
        if let Some(record) = self.store.sessions().get(session).filter(|record| record.is_live()) {
            self.evict_live(&[(record, EvictionCause::Cancelled, Instant::now())]).await;
        }
        self.try_end_session(session).await;
    }

    /// Tries once. While the record exists no other session can claim its key, so the removed peer is this session's.
    async fn try_end_session(&self, session: u64) {
        if let Some(record) = self.store.sessions().get(session)
            && let Err(error) = self.tunnel.remove(std::slice::from_ref(&peer(&record))).await
        {
            tracing::warn!(%error, session, "the peer of an ended session cannot be removed: trying again");
            return;
        }
        match self.store.sessions().end(session).await {
            Ok(()) => drop(lock(&self.ending).remove(&session)),
            Err(error) => {
                tracing::warn!(%error, session, "cannot note that a session has ended: trying again");
            }
        }
    }

    /// Records that the node has lost the peer of a session: a live session is evicted, an evicted one stays evicted,
    /// and the slot is freed. Returns whether that is recorded.
    pub(super) async fn mark_lost(&self, session: u64) -> bool {
        match self.evict_all(|record| record.session_id == session, EvictionCause::Lost).await {
            Ok(_) => {
                tracing::info!(session, "the node has forgotten a peer");
                self.store.sessions().release_peer_slot(session);
                true
            }
            Err(error) => {
                tracing::warn!(%error, session, "cannot note that a peer is lost");
                false
            }
        }
    }

    /// Evicts all sessions that match, selected while no peer is being restored. Returns the number of live ones.
    /// Evicted ones get `cause` if no handshake can undo it.
    pub(super) async fn evict_all(
        &self,
        meant: impl Fn(&SessionRecord) -> bool,
        cause: EvictionCause,
    ) -> Result<usize, StoreError> {
        let _guard = self.lock().await;
        let (live, out): (Vec<_>, Vec<_>) = (self.store.sessions().list().into_iter())
            .filter(|record| meant(record))
            .partition(|record| record.state == SessionState::Live);
        let since = Instant::now();
        let leaving: Vec<_> = live.iter().map(|record| (Arc::clone(record), cause, since)).collect();
        self.evict_live(&leaving).await;
        for record in &out {
            self.record_final_cause(record, cause).await?;
        }
        Ok(live.len())
    }

    async fn evict_live(&self, leaving: &[(Arc<SessionRecord>, EvictionCause, Instant)]) {
        if leaving.is_empty() {
            return;
        }
        let _retry = RetryGuard(self);
        self.unfinished().extend(leaving.iter().map(|(record, ..)| record.session_id));
        let written =
            leaving.iter().map(|(record, cause, _)| self.store.sessions().evict(record.session_id, *cause));
        for ((record, cause, _), written) in leaving.iter().zip(join_all(written).await) {
            if let Err(error) = written {
                // The peer is blocked all the same; the eviction is recorded when the store accepts it.
                tracing::error!(%error, session = record.session_id, "cannot write down an eviction");
                self.record_eviction_later(record.session_id, *cause);
            }
        }
        self.block(&leaving.iter().map(|(record, ..)| peer(record)).collect::<Vec<_>>()).await;
        for (record, cause, since) in leaving {
            metrics::counter!("sovereign_gate_evictions_total", "cause" => cause.label()).increment(1);
            metrics::histogram!("sovereign_gate_eviction_seconds").record(since.elapsed());
            tracing::info!(session = record.session_id, cause = cause.label(), "session evicted");
        }
    }

    /// Blocks the peers of evicted sessions again.
    pub(super) async fn block_evicted(&self, sessions: &[u64]) {
        let _guard = self.lock().await;
        let peers: Vec<Peer> = sessions.iter().filter_map(|id| self.evicted(*id)).collect();
        if !peers.is_empty() {
            let _retry = RetryGuard(self);
            self.unfinished().extend(peers.iter().map(|peer| peer.session_id));
            self.block(&peers).await;
        }
    }

    /// Blocks peers that belong to no session of this gate.
    pub(super) async fn block_unknown(&self, peers: &[Peer]) -> Result<(), TunnelError> {
        let _guard = self.lock().await;
        self.tunnel.block(peers).await
    }

    /// Restores the peer of an evicted session, or of a live one whose peer is blocked, and records the basis in
    /// `record`. `looked_at`: the record that the decision was made on. `is_current`: whether no possible loss was
    /// reported since.
    pub(super) async fn restore(
        &self,
        looked_at: &SessionRecord,
        record: SessionRecord,
        is_current: impl Fn() -> bool,
    ) -> Result<RestoreOutcome, RestoreError> {
        // A dead node meters nothing, and its interface may outlive it. Checked before the lock is taken: no eviction
        // waits for a node that does not answer.
        if let Some(answers) = &self.node_answers
            && !timeout(NODE_ANSWER_TIMEOUT, answers()).await.unwrap_or(false)
        {
            return Err(RestoreError::NodeSilent);
        }
        let _guard = self.lock().await;
        let id = record.session_id;
        let known = self.unchanged(looked_at).ok_or(RestoreError::Changed)?;
        // Dropped for good, or its eviction is not recorded yet.
        if known.cause.is_some_and(|cause| !cause.allows_repeat()) || lock(&self.unwritten).contains(&id) {
            return Err(RestoreError::Changed);
        }
        if !is_current() {
            return Err(RestoreError::Changed);
        }
        let peer = peer(&record);
        let restored = self.tunnel.restore(&peer).await?;
        if restored != RestoreOutcome::Passing {
            return Ok(restored);
        }
        let _retry = RetryGuard(self);
        self.unfinished().insert(id);
        let record = SessionRecord { state: SessionState::Live, cause: None, ..record };
        if let Err(error) = self.store.sessions().update(record).await {
            // An unrecorded restore does not count: the next start would undo it.
            self.block(std::slice::from_ref(&peer)).await;
            return Err(error.into());
        }
        self.unfinished().remove(&id);
        self.rebased.add(id);
        tracing::info!(session = id, "the peer of a session is back");
        Ok(restored)
    }

    /// Records the basis of a live session. `looked_at`: the record that the decision was made on.
    pub(super) async fn update(
        &self,
        looked_at: &SessionRecord,
        record: SessionRecord,
    ) -> Result<(), UpdateError> {
        let _guard = self.lock().await;
        let known = self.unchanged(looked_at).filter(|known| known.is_live()).ok_or(UpdateError::Changed)?;
        let (id, is_new) = (record.session_id, known.rests_on() != record.rests_on());
        self.store.sessions().update(record).await?;
        if is_new {
            self.rebased.add(id);
        }
        Ok(())
    }

    /// The record of a session, if handshake, state and basis are the same as in `looked_at`.
    fn unchanged(&self, looked_at: &SessionRecord) -> Option<Arc<SessionRecord>> {
        let known = self.store.sessions().get(looked_at.session_id)?;
        let is_same = known.peer_id == looked_at.peer_id
            && known.handshake_hash == looked_at.handshake_hash
            && known.state == looked_at.state
            && known.rests_on() == looked_at.rests_on();
        is_same.then_some(known)
    }

    /// Takes the sessions that rest on a new basis or were restored; waits until there are some. Returns each once.
    pub(super) async fn take_rebased_sessions(&self) -> BTreeSet<u64> {
        self.rebased.take().await
    }

    /// Retries failed blocks and removals with exponential backoff. Never returns.
    pub(super) async fn retry_unfinished(&self) {
        let mut retries: u32 = 0;
        loop {
            if self.unfinished().is_empty() && lock(&self.ending).is_empty() {
                retries = 0;
                self.retry_requested.notified().await;
            }
            tokio::time::sleep(EVICTION_RETRY.delay(retries)).await;
            retries = retries.saturating_add(1);
            let open: Vec<u64> = self.unfinished().iter().copied().collect();
            let _guard = self.lock().await;
            for id in open {
                match self.evicted(id) {
                    // One call each, so that a failing peer does not keep the others in the tunnel.
                    Some(peer) => self.block(&[peer]).await,
                    None => drop(self.unfinished().remove(&id)),
                }
            }
            let ending: Vec<u64> = lock(&self.ending).iter().copied().collect();
            for id in ending {
                self.try_end_session(id).await;
            }
        }
    }

    async fn block(&self, peers: &[Peer]) {
        match self.tunnel.block(peers).await {
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

    /// Records an eviction in the background, with retries until the store accepts it.
    fn record_eviction_later(&self, session: u64, cause: EvictionCause) {
        let (store, unwritten) = (self.store.clone(), Arc::clone(&self.unwritten));
        lock(&unwritten).insert(session);
        tokio::spawn(async move {
            let mut retries: u32 = 0;
            while let Some(record) = store.sessions().get(session) {
                let live = record.state == SessionState::Live;
                if !live
                    || matches!(
                        store.sessions().evict(session, cause).await,
                        Ok(()) | Err(StoreError::Closed)
                    )
                {
                    break;
                }
                tokio::time::sleep(EVICTION_RETRY.delay(retries)).await;
                retries = retries.saturating_add(1);
            }
            lock(&unwritten).remove(&session);
        });
    }

    fn evicted(&self, session: u64) -> Option<Peer> {
        let record = self.store.sessions().get(session)?;
        (record.state == SessionState::Evicted).then(|| peer(&record))
    }

    fn unfinished(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        lock(&self.unfinished)
    }
}

impl SessionEvictor for Evictor {
    fn is_server_key<'a>(&'a self, peer_id: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(Self::is_server_key(self, peer_id))
    }

    fn evict<'a>(&'a self, sessions: &'a [u64], cause: EvictionCause, since: Instant) -> BoxFuture<'a, ()> {
        Box::pin(Self::evict(self, sessions, cause, since))
    }

    fn end_session(&self, session: u64) -> BoxFuture<'_, ()> {
        Box::pin(Self::end_session(self, session))
    }

    fn update<'a>(
        &'a self,
        looked_at: &'a SessionRecord,
        record: SessionRecord,
    ) -> BoxFuture<'a, Result<(), UpdateError>> {
        Box::pin(Self::update(self, looked_at, record))
    }
}

/// Requests a retry on drop if something is unfinished: a step failed, or the caller was dropped in the middle.
struct RetryGuard<'a>(&'a Evictor);

impl Drop for RetryGuard<'_> {
    fn drop(&mut self) {
        if !self.0.unfinished().is_empty() || !lock(&self.0.ending).is_empty() {
            self.0.retry_requested.notify_one();
        }
    }
}

/// Locks a set. Poisoning is harmless: the sets change by whole entries.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
