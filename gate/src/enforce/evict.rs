//! Takes peers out of the tunnel and brings them back, in the order that survives the end of this process at any
//! moment: first it is written that a peer has to be out, then it is taken out; it is let back first, then written
//! that it is in. So after a restart whatever is written as out is taken out once more.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::peer;
use super::tunnel::{Peer, Presence, Restored, Tunnel, TunnelError};
use crate::store::{Cause, SessionRecord, SessionState, Store, StoreError};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// For a look at the tunnel before a first handshake.
const SERVER_KEY_TIMEOUT: Duration = Duration::from_secs(1);
/// For the node to say that it is there, before a peer is brought back.
const NODE_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a peer is not let back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBack {
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the session changed meanwhile")]
    Changed,
    #[error("the node does not answer")]
    NodeSilent,
}

/// Whether the node behind the gate answers now.
pub type NodeAnswers = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Takes peers out of the tunnel and brings them back, one thing at a time.
pub struct Evictor {
    store: Store,
    tunnel: Arc<dyn Tunnel>,
    /// `None`: it is not asked before a peer is brought back.
    node_answers: Option<NodeAnswers>,
    hand: tokio::sync::Mutex<()>,
    /// Evictions whose callers wait for the lock: whichever gets it does all of them, with one call of the driver.
    ordered: Mutex<Vec<Order>>,
    next_order: AtomicU64,
    /// Written as out, and not taken out yet.
    unfinished: Mutex<BTreeSet<u64>>,
    /// Out, and not written so yet.
    unwritten: Arc<Mutex<BTreeSet<u64>>>,
    /// Have left the hub, and the peer may still be in the tunnel.
    ending: Mutex<BTreeSet<u64>>,
    /// Live by another basis than at the last look, and not looked at since.
    on_new_bases: Mutex<BTreeSet<u64>>,
    basis_changed: Notify,
    /// The tunnel's own public key, if it has one, as it was seen last. `None`: not looked at yet.
    #[expect(clippy::option_option, reason = "not looked at yet, or no key")]
    server_key: Mutex<Option<Option<String>>>,
    bell: Notify,
}

/// An eviction that is to be done.
#[derive(Debug, Clone, Copy)]
struct Order {
    number: u64,
    session: u64,
    cause: Cause,
    since: Instant,
}

/// Takes back what was not done of some orders when their caller gives up.
struct Orders<'a> {
    evictor: &'a Evictor,
    numbers: Range<u64>,
}

impl Drop for Orders<'_> {
    fn drop(&mut self) {
        lock(&self.evictor.ordered).retain(|order| !self.numbers.contains(&order.number));
    }
}

impl Evictor {
    /// Works on these.
    pub fn new(store: Store, tunnel: Arc<dyn Tunnel>) -> Self {
        Self {
            store,
            tunnel,
            node_answers: None,
            hand: tokio::sync::Mutex::default(),
            ordered: Mutex::default(),
            next_order: AtomicU64::new(0),
            unfinished: Mutex::default(),
            unwritten: Arc::default(),
            ending: Mutex::default(),
            on_new_bases: Mutex::default(),
            basis_changed: Notify::new(),
            server_key: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// The same, bringing no peer back while the node does not answer: a node that is dead meters nothing.
    #[must_use]
    pub fn asking_node(self, node_answers: NodeAnswers) -> Self {
        Self { node_answers: Some(node_answers), ..self }
    }

    /// The peers in the tunnel.
    pub(super) async fn present(&self) -> Result<Presence, TunnelError> {
        let presence = self.tunnel.present().await?;
        *lock(&self.server_key) = Some(presence.server_key.clone());
        Ok(presence)
    }

    /// Whether a peer would have the tunnel's own public key. Asks the tunnel once, if it was not seen yet.
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

    /// Whether a peer is in the tunnel, also where the service does not name all of them.
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

    /// Evicts those of `sessions` that are live; evicted ones stay out for a cause that no handshake undoes. What does
    /// not succeed at once is tried until it does.
    pub async fn evict(&self, sessions: &[u64], cause: Cause, since: Instant) {
        let count = sessions.len() as u64;
        let first = self.next_order.fetch_add(count, Ordering::SeqCst);
        let numbers = first..first + count;
        let order = |(number, session): (u64, &u64)| Order { number, session: *session, cause, since };
        lock(&self.ordered).extend(numbers.clone().zip(sessions).map(order));
        let _orders = Orders { evictor: self, numbers };
        let _hand = self.lock().await;
    }

    /// Waits for the lock, and carries out what is ordered: no eviction waits for the restores before it.
    async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        let hand = self.hand.lock().await;
        self.carry_out_orders().await;
        hand
    }

    /// Carries out all evictions that are ordered now.
    async fn carry_out_orders(&self) {
        let orders = std::mem::take(&mut *lock(&self.ordered));
        let mut leaving: Vec<(Arc<SessionRecord>, Cause, Instant)> = Vec::with_capacity(orders.len());
        let mut out = Vec::new();
        for order in orders {
            let Some(record) = self.store.session(order.session) else { continue };
            let is_known = leaving.iter().any(|(record, ..)| record.session_id == order.session);
            match record.is_live() {
                true if !is_known => leaving.push((record, order.cause, order.since)),
                true => {}
                false => out.push((record, order.cause)),
            }
        }
        self.take_out(&leaving).await;
        for (record, cause) in out {
            if let Err(error) = self.keep_out(&record, cause).await {
                tracing::warn!(%error, session = record.session_id, "cannot note why a session is out");
            }
        }
    }

    /// An evicted session stays out for a cause that no handshake undoes.
    async fn keep_out(&self, record: &SessionRecord, cause: Cause) -> Result<(), StoreError> {
        if cause.answers() || !record.cause.is_some_and(Cause::answers) {
            return Ok(());
        }
        self.store.evict_session(record.session_id, cause).await
    }

    /// A session has left the hub: its peer is removed from the tunnel, then its key, place and slot are free. What does
    /// not succeed at once is tried until it does.
    pub async fn end(&self, session: u64) {
        let _hand = self.lock().await;
        let _rest = Rest(self);
        lock(&self.ending).insert(session);
        if let Some(record) = self.store.session(session).filter(|record| record.is_live()) {
            self.take_out(&[(record, Cause::Cancelled, Instant::now())]).await;
        }
        self.end_one(session).await;
    }

    /// While the record is there no other session can claim its key, so what is removed is of this session.
    async fn end_one(&self, session: u64) {
        if let Some(record) = self.store.session(session)
            && let Err(error) = self.tunnel.remove(std::slice::from_ref(&peer(&record))).await
        {
            tracing::warn!(%error, session, "the peer of an ended session cannot be removed: trying again");
            return;
        }
        match self.store.end_session(session).await {
            Ok(()) => drop(lock(&self.ending).remove(&session)),
            Err(error) => {
                tracing::warn!(%error, session, "cannot note that a session has ended: trying again");
            }
        }
    }

    /// Notes that the node has forgotten the peer of a session: a live one is evicted, one that is out stays out, and
    /// its slot is free. Whether that is written.
    pub(super) async fn lose(&self, session: u64) -> bool {
        match self.evict_all(|record| record.session_id == session, Cause::Lost).await {
            Ok(_) => {
                tracing::info!(session, "the node has forgotten a peer");
                self.store.release_slot(session);
                true
            }
            Err(error) => {
                tracing::warn!(%error, session, "cannot note that a peer is lost");
                false
            }
        }
    }

    /// Evicts all of those meant, chosen while nobody comes back; how many were live. Unless the cause answers, those
    /// of them who are out stay out for it.
    pub(super) async fn evict_all(
        &self,
        meant: impl Fn(&SessionRecord) -> bool,
        cause: Cause,
    ) -> Result<usize, StoreError> {
        let _hand = self.lock().await;
        let (live, out): (Vec<_>, Vec<_>) = (self.store.list_sessions().into_iter())
            .filter(|record| meant(record))
            .partition(|record| record.state == SessionState::Live);
        let since = Instant::now();
        let leaving: Vec<_> = live.iter().map(|record| (Arc::clone(record), cause, since)).collect();
        self.take_out(&leaving).await;
        for record in &out {
            self.keep_out(record, cause).await?;
        }
        Ok(live.len())
    }

    async fn take_out(&self, leaving: &[(Arc<SessionRecord>, Cause, Instant)]) {
        if leaving.is_empty() {
            return;
        }
        let _rest = Rest(self);
        self.unfinished().extend(leaving.iter().map(|(record, ..)| record.session_id));
        let written =
            leaving.iter().map(|(record, cause, _)| self.store.evict_session(record.session_id, *cause));
        for ((record, cause, _), written) in leaving.iter().zip(join_all(written).await) {
            if let Err(error) = written {
                // The peer goes all the same; the note is made when the store takes it.
                tracing::error!(%error, session = record.session_id, "cannot write down an eviction");
                self.mend(record.session_id, *cause);
            }
        }
        self.shut_out(&leaving.iter().map(|(record, ..)| peer(record)).collect::<Vec<_>>()).await;
        for (record, cause, since) in leaving {
            metrics::counter!("sovereign_gate_evictions_total", "cause" => cause.label()).increment(1);
            metrics::histogram!("sovereign_gate_eviction_seconds").record(since.elapsed());
            tracing::info!(session = record.session_id, cause = cause.label(), "session evicted");
        }
    }

    /// Takes evicted sessions out of the tunnel once more.
    pub(super) async fn repeat(&self, sessions: &[u64]) {
        let _hand = self.lock().await;
        let peers: Vec<Peer> = sessions.iter().filter_map(|id| self.evicted(*id)).collect();
        if !peers.is_empty() {
            let _rest = Rest(self);
            self.unfinished().extend(peers.iter().map(|peer| peer.session_id));
            self.shut_out(&peers).await;
        }
    }

    /// Shuts peers out that belong to no session of ours.
    pub(super) async fn shut_out_unknown(&self, peers: &[Peer]) -> Result<(), TunnelError> {
        let _hand = self.lock().await;
        self.tunnel.shut_out(peers).await
    }

    /// Lets the peer of an evicted session, or of a live one that lost it, back and writes down that it rests on
    /// what `record` says. `looked_at`: the record that this was decided on. `is_current`: nothing that may end the right
    /// has happened since.
    pub(super) async fn let_back(
        &self,
        looked_at: &SessionRecord,
        record: SessionRecord,
        is_current: impl Fn() -> bool,
    ) -> Result<Restored, NotBack> {
        // A dead node meters nothing, and its interface may outlive it. Asked before the lock is taken: an eviction does
        // not wait for a node that does not answer.
        if let Some(answers) = &self.node_answers
            && !timeout(NODE_ANSWER_TIMEOUT, answers()).await.unwrap_or(false)
        {
            return Err(NotBack::NodeSilent);
        }
        let _hand = self.lock().await;
        let id = record.session_id;
        let known = self.unchanged(looked_at)?;
        // Dropped for good, or its eviction is not written yet.
        if known.cause.is_some_and(|cause| !cause.answers()) || lock(&self.unwritten).contains(&id) {
            return Err(NotBack::Changed);
        }
        if !is_current() {
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
        self.note_new_basis(id);
        tracing::info!(session = id, "the peer of a session is back");
        Ok(restored)
    }

    /// Writes down what a live session rests on now. `looked_at`: the record that this was decided on.
    pub(crate) async fn update(
        &self,
        looked_at: &SessionRecord,
        record: SessionRecord,
    ) -> Result<(), NotBack> {
        let _hand = self.lock().await;
        let known = self.unchanged(looked_at)?;
        if !known.is_live() {
            return Err(NotBack::Changed);
        }
        let (id, is_new) = (record.session_id, known.rests_on() != record.rests_on());
        self.store.update_session(record).await?;
        if is_new {
            self.note_new_basis(id);
        }
        Ok(())
    }

    /// The record of a session, if that is still what was looked at: the same handshake, in or out, and the same basis.
    fn unchanged(&self, looked_at: &SessionRecord) -> Result<Arc<SessionRecord>, NotBack> {
        let known = self.store.session(looked_at.session_id).ok_or(NotBack::Changed)?;
        let is_same = known.peer_id == looked_at.peer_id
            && known.handshake_hash == looked_at.handshake_hash
            && known.state == looked_at.state
            && known.rests_on() == looked_at.rests_on();
        if is_same { Ok(known) } else { Err(NotBack::Changed) }
    }

    fn note_new_basis(&self, session: u64) {
        lock(&self.on_new_bases).insert(session);
        self.basis_changed.notify_one();
    }

    /// Sessions that rest on another basis than before, or came back; waits until there are some. Each is told once.
    pub(super) async fn on_new_bases(&self) -> BTreeSet<u64> {
        loop {
            let sessions = std::mem::take(&mut *lock(&self.on_new_bases));
            if !sessions.is_empty() {
                return sessions;
            }
            self.basis_changed.notified().await;
        }
    }

    /// Tries what did not succeed until it does, for ever.
    pub(super) async fn finish(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.unfinished().is_empty() && lock(&self.ending).is_empty() {
                pause = FIRST_PAUSE;
                self.bell.notified().await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let open: Vec<u64> = self.unfinished().iter().copied().collect();
            let _hand = self.lock().await;
            for id in open {
                match self.evicted(id) {
                    // One after the other: one that fails keeps nobody else in.
                    Some(peer) => self.shut_out(&[peer]).await,
                    None => drop(self.unfinished().remove(&id)),
                }
            }
            let ending: Vec<u64> = lock(&self.ending).iter().copied().collect();
            for id in ending {
                self.end_one(id).await;
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
        if !self.0.unfinished().is_empty() || !lock(&self.0.ending).is_empty() {
            self.0.bell.notify_one();
        }
    }
}

/// Poisoning is harmless: the sets are changed by whole entries.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
