//! Requests to the writer.

use std::sync::Arc;

use alloy::primitives::Address;
use tokio::sync::oneshot;

use super::audit::AuditEntry;
use super::bindings::binding::{Binding, BindingKey, Redemption};
use super::clock::UnixTime;
use super::error::StoreError;
use super::pause::Pause;
use super::secret::TokenHash;
use super::sessions::cause::EvictionCause;
use super::sessions::record::{SessionRecord, SessionState};

/// Channel for the result of a write. The write counts even if the receiver was dropped.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Write requested by a caller.
#[derive(Debug)]
pub(super) enum WriteRequest {
    Redeem {
        new: Box<Redemption>,
        token: TokenHash,
        reply: Reply<Binding>,
    },
    Forget {
        key: BindingKey,
        id: i64,
        reply: Reply<()>,
    },
    Record {
        record: Arc<SessionRecord>,
        answer: Vec<u8>,
        reply: Reply<()>,
    },
    Intend {
        record: Arc<SessionRecord>,
        reply: Reply<()>,
    },
    Settle {
        session_id: u64,
        peer_id: String,
        reply: Reply<()>,
    },
    Update {
        record: Arc<SessionRecord>,
        reply: Reply<()>,
    },
    Mark {
        session_id: u64,
        state: SessionState,
        cause: Option<EvictionCause>,
        evicted_at: Option<UnixTime>,
        reply: Reply<()>,
    },
    End {
        session_id: u64,
        reply: Reply<()>,
    },
    Meta {
        name: &'static str,
        value: Vec<u8>,
        reply: Reply<()>,
    },
    Pause {
        pause: Option<Pause>,
        entry: AuditEntry,
        reply: Reply<()>,
    },
    Audit {
        entry: AuditEntry,
        reply: Reply<()>,
    },
    Erase {
        wallet: Address,
        entry: AuditEntry,
        reply: Reply<()>,
    },
}

impl WriteRequest {
    /// Whether the write only says which peer was admitted. Actions of the operator or of a holder are not of this
    /// kind, nor is an eviction, which must not be lost.
    pub(super) fn is_peer_write(&self) -> bool {
        match self {
            Self::Intend { .. } | Self::Settle { .. } => true,
            Self::Record { record, .. } => record.state == SessionState::Live,
            _ => false,
        }
    }

    pub(super) fn fail(self, error: StoreError) {
        match self {
            Self::Redeem { reply, .. } => drop(reply.send(Err(error))),
            Self::Forget { reply, .. }
            | Self::Record { reply, .. }
            | Self::Intend { reply, .. }
            | Self::Settle { reply, .. }
            | Self::Update { reply, .. }
            | Self::Mark { reply, .. }
            | Self::End { reply, .. }
            | Self::Meta { reply, .. }
            | Self::Pause { reply, .. }
            | Self::Audit { reply, .. }
            | Self::Erase { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}
