//! Sessions that the gate admitted, with their device slots, peer slots and tunnel keys.

pub(in crate::store) mod cause;
pub(in crate::store) mod record;
pub(in crate::store) mod sql;
pub(in crate::store) mod table;

use std::sync::Arc;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use self::cause::EvictionCause;
use self::record::{ClaimError, SessionClaim, SessionRecord, SessionState};
use self::table::Reservation;
use super::database::{Database, lock};
use super::error::StoreError;
use super::write_request::WriteRequest;

/// Repository of sessions.
#[derive(Debug, Clone, Copy)]
pub struct SessionRepository<'a> {
    database: &'a Database,
}

impl<'a> SessionRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Claims a tunnel key and a device slot for a handshake, before the node is asked.
    pub fn claim(self, claim: SessionClaim) -> Result<Reservation, ClaimError> {
        table::claim(&self.database.memory.live, claim, self.database.clock.unix())
    }

    /// Writes an admitted session and the node's answer, replacing an older record of the session. The caller keeps
    /// the reservation until this has returned.
    pub async fn record(self, record: SessionRecord, answer: Vec<u8>) -> Result<(), StoreError> {
        let (session_id, peer_id) = (record.session_id, record.peer_id.clone());
        let record = Arc::new(record);
        self.database.write(|reply| WriteRequest::Record { record, answer, reply }).await?;
        self.database.memory.intents.close(session_id, &peer_id);
        Ok(())
    }

    /// A session that lives on the hub, evicted or not.
    pub fn get(self, session_id: u64) -> Option<Arc<SessionRecord>> {
        lock(&self.database.memory.live).get(session_id)
    }

    /// All sessions that live on the hub, by number.
    pub fn list(self) -> Vec<Arc<SessionRecord>> {
        lock(&self.database.memory.live).all()
    }

    /// The node's answer to a session's handshake.
    pub async fn answer(self, session_id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.readers.read(move |connection| sql::answer(connection, session_id)).await
    }

    /// The session that uses a tunnel key, or was evicted with it.
    pub fn using_peer(self, service: &str, peer_id: &str) -> Option<u64> {
        lock(&self.database.memory.live).session_using_peer(service, peer_id, None)
    }

    /// Sessions in the device slots of a holder: live ones with a card of this address, and pending claims.
    pub fn in_device_slots(self, holder: Address) -> Vec<u64> {
        lock(&self.database.memory.live).sessions_in_device_slots(holder).into_iter().collect()
    }

    /// Sessions in the peer slots of a holder: those with a device slot, and evicted ones that the node has not
    /// removed yet.
    pub fn in_peer_slots(self, holder: Address) -> Vec<u64> {
        lock(&self.database.memory.live).sessions_in_peer_slots(holder).into_iter().collect()
    }

    /// Peer slots of the node in use by sessions of all holders.
    pub fn peer_slots_in_use(self) -> usize {
        lock(&self.database.memory.live).peer_slots_in_use()
    }

    /// Whether the node still has the peer of a session.
    pub fn holds_peer_slot(self, session_id: u64) -> bool {
        lock(&self.database.memory.live).holds_peer_slot(session_id)
    }

    /// Notes that the node has removed the peer of an evicted session.
    pub fn release_peer_slot(self, session_id: u64) {
        lock(&self.database.memory.live).release_peer_slot(session_id);
    }

    /// The sessions of an account that live on the hub, evicted or not, by number.
    pub fn of_account(self, account: &AccountAddress) -> Vec<Arc<SessionRecord>> {
        lock(&self.database.memory.live).of_account(account)
    }

    /// Sets whether the peer of a session is in the tunnel.
    pub async fn set_state(self, session_id: u64, state: SessionState) -> Result<(), StoreError> {
        let evicted_at = (state == SessionState::Evicted).then(|| self.database.clock.unix());
        self.database
            .write(|reply| WriteRequest::Mark { session_id, state, cause: None, evicted_at, reply })
            .await
    }

    /// Records that a session left the hub: its key and device slot are free.
    pub async fn end(self, session_id: u64) -> Result<(), StoreError> {
        self.database.write(|reply| WriteRequest::End { session_id, reply }).await
    }

    /// Records the eviction of a session and its cause, before the peer is removed.
    pub async fn evict(self, session_id: u64, cause: EvictionCause) -> Result<(), StoreError> {
        let (state, cause, evicted_at) =
            (SessionState::Evicted, Some(cause), Some(self.database.clock.unix()));
        self.database.write(|reply| WriteRequest::Mark { session_id, state, cause, evicted_at, reply }).await
    }

    /// Replaces the basis of an admitted session. A session that has left the hub stays ended.
    pub async fn update(self, record: SessionRecord) -> Result<(), StoreError> {
        let record = Arc::new(record);
        self.database.write(|reply| WriteRequest::Update { record, reply }).await
    }

    /// Whether a session uses a tunnel key, was evicted with it, or a handshake with it is under way.
    pub fn is_peer_in_use(self, peer_id: &str) -> bool {
        lock(&self.database.memory.live).is_peer_in_use(peer_id)
    }

    /// The newest answer of the node to a handshake for this service.
    pub async fn newest_answer(self, service: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let service = service.to_owned();
        self.database.readers.read(move |connection| sql::newest_answer(connection, &service)).await
    }
}
