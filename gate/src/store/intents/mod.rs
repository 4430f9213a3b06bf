//! Handshake intents: written before a handshake is forwarded to the node, so that a crash between the node's answer
//! and the record loses nothing. Intents that a former process left, or without an answer of the node, stay unresolved
//! until the tunnel was inspected.

pub(in crate::store) mod sql;
pub(in crate::store) mod unresolved;

use std::sync::Arc;

use self::unresolved::UnresolvedIntent;
use super::database::Database;
use super::error::StoreError;
use super::sessions::record::SessionRecord;
use super::write_request::WriteRequest;

/// Repository of handshake intents.
#[derive(Debug, Clone, Copy)]
pub struct IntentRepository<'a> {
    database: &'a Database,
}

impl<'a> IntentRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Writes an intent before the handshake is forwarded.
    pub async fn record(self, record: SessionRecord) -> Result<(), StoreError> {
        let record = Arc::new(record);
        self.database.write(|reply| WriteRequest::Intend { record, reply }).await
    }

    /// Discards an intent: the node refused the handshake, or it was not sent. The caller does not wait for the write:
    /// after a crash the tunnel would show the same.
    pub fn discard(self, record: &SessionRecord) {
        let (session_id, peer_id) = (record.session_id, record.peer_id.clone());
        self.database.memory.intents.close(session_id, &peer_id);
        let (reply, _unused) = tokio::sync::oneshot::channel();
        if let Err(error) = self.database.put(WriteRequest::Settle { session_id, peer_id, reply }) {
            tracing::debug!(%error, session = session_id, "an intent stays until the next start");
        }
    }

    /// Keeps an intent as unresolved: the result at the node is unknown.
    pub fn keep_unresolved(self, record: SessionRecord) {
        self.database.memory.intents.open(&self.database.memory.live, record);
    }

    /// Unresolved intents.
    pub fn unresolved(self) -> Vec<UnresolvedIntent> {
        self.database.memory.intents.list()
    }

    /// Whether there is an unresolved intent of this session with this tunnel key.
    pub fn has_unresolved(self, session_id: u64, peer_id: &str) -> bool {
        self.database.memory.intents.contains(session_id, peer_id)
    }
}
