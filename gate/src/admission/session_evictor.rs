//! What admission needs of enforcement: to evict sessions that conflict with a claim, and to record a new basis.

use std::time::Instant;

use futures::future::BoxFuture;

use crate::store::{EvictionCause, SessionRecord, StoreError};

/// Evicts sessions and records their bases, one operation at a time. Enforcement implements it.
pub trait SessionEvictor: Send + Sync {
    /// Whether `peer_id` is the tunnel's own public key.
    fn is_server_key<'a>(&'a self, peer_id: &'a str) -> BoxFuture<'a, bool>;

    /// Evicts the live ones of `sessions`; `since`: when the loss became known. Failed steps are retried until they
    /// succeed.
    fn evict<'a>(&'a self, sessions: &'a [u64], cause: EvictionCause, since: Instant) -> BoxFuture<'a, ()>;

    /// Removes the peer of a session that has left the hub, then frees its key, claim and slot.
    fn end_session(&self, session: u64) -> BoxFuture<'_, ()>;

    /// Records the basis of a live session. `looked_at`: the record that the decision was made on.
    fn update<'a>(
        &'a self,
        looked_at: &'a SessionRecord,
        record: SessionRecord,
    ) -> BoxFuture<'a, Result<(), UpdateError>>;
}

/// Why the basis of a session is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The record cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Handshake, state or basis of the session differ from those of the decision.
    #[error("the session changed meanwhile")]
    Changed,
}
