//! Handshake intents: written before a handshake is forwarded to the node, so that a crash between the node's answer
//! and the record loses nothing. Intents that a former process left, or without an answer of the node, stay unresolved
//! until the tunnel was inspected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy::primitives::Address;

use super::batch::WriteRequest;
use super::error::StoreError;
use super::session::{Claim, SessionRecord};
use super::session_table::{self, Reservation, SessionTable, lock};
use super::{Store, sql_intents};

/// A handshake with an unknown result at the node.
#[derive(Debug, Clone)]
pub struct UnresolvedIntent {
    /// The session record, without the fields that only the node's answer contains.
    pub record: Arc<SessionRecord>,
    /// Time since this process found it unresolved.
    pub age: Duration,
}

#[derive(Debug)]
struct Entry {
    record: Arc<SessionRecord>,
    since: Instant,
    /// Claim on its key and device slot. `None` where a record has them.
    _place: Option<Reservation>,
}

/// The open ones, by session and tunnel key.
#[derive(Debug, Default)]
pub(super) struct UnresolvedIntents(Mutex<BTreeMap<(u64, String), Entry>>);

impl UnresolvedIntents {
    /// Adds an unresolved intent, and claims its key and device slot.
    pub(super) fn open(&self, live: &Arc<Mutex<SessionTable>>, record: SessionRecord) {
        let claim = Claim {
            session_id: record.session_id,
            holder: record.holder(),
            tier: record.tier.clone(),
            service: record.service.clone(),
            peer_id: record.peer_id.clone(),
            limits: None,
        };
        let place = session_table::claim(live, claim, record.admitted_at).ok();
        let key = (record.session_id, record.peer_id.clone());
        let entry = Entry { record: Arc::new(record), since: Instant::now(), _place: place };
        let before = lock(&self.0).insert(key, entry);
        // Outside of the lock: dropping a reservation takes another lock.
        drop(before);
    }

    /// Takes a wallet out of the open ones.
    pub(super) fn erase(&self, wallet: Address) {
        for entry in lock(&self.0).values_mut() {
            entry.record = entry.record.without(wallet).map_or_else(|| Arc::clone(&entry.record), Arc::new);
        }
    }

    pub(super) fn close(&self, session_id: u64, peer_id: &str) {
        let entry = lock(&self.0).remove(&(session_id, peer_id.to_owned()));
        drop(entry);
    }
}

impl Store {
    /// Writes an intent before the handshake is forwarded.
    pub async fn record_intent(&self, record: SessionRecord) -> Result<(), StoreError> {
        let record = Arc::new(record);
        self.write(|reply| WriteRequest::Intend { record, reply }).await
    }

    /// Discards an intent: the node refused the handshake, or it was not sent. The caller does not wait for the write:
    /// after a crash the tunnel would show the same.
    pub fn discard_intent(&self, record: &SessionRecord) {
        let (session_id, peer_id) = (record.session_id, record.peer_id.clone());
        self.inner.memory.intents.close(session_id, &peer_id);
        let (reply, _nobody) = tokio::sync::oneshot::channel();
        if let Err(error) = self.put(WriteRequest::Settle { session_id, peer_id, reply }) {
            tracing::debug!(%error, session = session_id, "an intent stays until the next start");
        }
    }

    /// Keeps an intent as unresolved: the result at the node is unknown.
    pub fn keep_unresolved_intent(&self, record: SessionRecord) {
        self.inner.memory.intents.open(&self.inner.memory.live, record);
    }

    /// Unresolved intents.
    pub fn unresolved_intents(&self) -> Vec<UnresolvedIntent> {
        let entries = lock(&self.inner.memory.intents.0);
        let intent = |entry: &Entry| UnresolvedIntent {
            record: Arc::clone(&entry.record),
            age: entry.since.elapsed(),
        };
        entries.values().map(intent).collect()
    }

    /// Whether there is an unresolved intent of this session with this tunnel key.
    pub fn has_unresolved_intent(&self, session_id: u64, peer_id: &str) -> bool {
        lock(&self.inner.memory.intents.0).contains_key(&(session_id, peer_id.to_owned()))
    }

    /// The newest answer of the node to a handshake for this service.
    pub async fn newest_answer(&self, service: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let service = service.to_owned();
        self.inner.readers.read(move |connection| sql_intents::newest_answer(connection, &service)).await
    }
}
