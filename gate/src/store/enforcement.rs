//! State of enforcement in the store: session states, the cursor in Ethereum's events, operator actions.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::follower::Cursor;

use super::audit::{AuditEntry, MAX_REASON_CHARS, Pause, WalletExport};
use super::batch::WriteRequest;
use super::cause::EvictionCause;
use super::error::StoreError;
use super::session::{SessionRecord, SessionState};
use super::session_table::lock;
use super::{Store, sql, sql_privacy};

/// Names in the table `meta`.
const ETHEREUM_CURSOR_NAME: &str = "ethereum_cursor";
const NODE_ADDRESS_NAME: &str = "node_address";
pub(super) const PAUSE: &str = "paused";

impl Store {
    /// Records the eviction of a session and its cause, before the peer is removed.
    pub async fn evict_session(&self, session_id: u64, cause: EvictionCause) -> Result<(), StoreError> {
        let (state, cause, evicted_at) = (SessionState::Evicted, Some(cause), Some(self.inner.clock.unix()));
        self.write(|reply| WriteRequest::Mark { session_id, state, cause, evicted_at, reply }).await
    }

    /// Replaces the basis of an admitted session. A session that has left the hub stays ended.
    pub async fn update_session(&self, record: SessionRecord) -> Result<(), StoreError> {
        let record = Arc::new(record);
        self.write(|reply| WriteRequest::Update { record, reply }).await
    }

    /// Whether a session uses a tunnel key, was evicted with it, or a handshake with it is under way.
    pub fn is_peer_in_use(&self, peer_id: &str) -> bool {
        lock(&self.inner.memory.live).is_peer_in_use(peer_id)
    }

    /// Cursor up to which Ethereum's events were processed.
    pub async fn ethereum_cursor(&self) -> Result<Option<Cursor>, StoreError> {
        let value = self.inner.readers.read(|connection| sql::meta(connection, ETHEREUM_CURSOR_NAME)).await?;
        Ok(value.and_then(|bytes| {
            let (number, hash) = bytes.split_first_chunk::<8>()?;
            Some(Cursor { number: u64::from_be_bytes(*number), hash: B256::try_from(hash).ok()? })
        }))
    }

    /// Stores the cursor up to which events were processed.
    pub async fn set_ethereum_cursor(&self, cursor: Cursor) -> Result<(), StoreError> {
        let value = [&cursor.number.to_be_bytes()[..], cursor.hash.as_slice()].concat();
        self.write(|reply| WriteRequest::Meta { name: ETHEREUM_CURSOR_NAME, value, reply }).await
    }

    /// The node's last known address on the hub.
    pub async fn node_address(&self) -> Result<Option<NodeAddress>, StoreError> {
        let value = self.inner.readers.read(|connection| sql::meta(connection, NODE_ADDRESS_NAME)).await?;
        Ok(value.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok()).map(NodeAddress::new))
    }

    /// Keeps the node's address, so that its sessions are followed after a restart before the node answers.
    pub async fn set_node_address(&self, node: NodeAddress) -> Result<(), StoreError> {
        let value = node.as_bytes().to_vec();
        self.write(|reply| WriteRequest::Meta { name: NODE_ADDRESS_NAME, value, reply }).await
    }

    /// The pause of new admissions, if any.
    pub fn pause(&self) -> Option<Pause> {
        lock(&self.inner.memory.pause).clone()
    }

    /// Starts or ends a pause, with an audit entry.
    pub async fn set_paused(&self, paused: bool, reason: &str) -> Result<(), StoreError> {
        let action = if paused { "pause" } else { "resume" };
        let entry = self.entry(action, "all", reason);
        let pause = paused.then(|| Pause { since: entry.at, reason: entry.reason.clone() });
        self.write(|reply| WriteRequest::Pause { pause, entry, reply }).await
    }

    /// Appends an operator action to the audit log.
    pub async fn append_audit(&self, action: &str, subject: &str, reason: &str) -> Result<(), StoreError> {
        let entry = self.entry(action, subject, reason);
        self.write(|reply| WriteRequest::Audit { entry, reply }).await
    }

    /// Audit entries, newest first.
    pub async fn audit_log(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.readers.read(move |connection| sql_privacy::log(connection, limit)).await
    }

    /// All stored data of a wallet.
    pub async fn export_wallet(&self, wallet: Address) -> Result<WalletExport, StoreError> {
        self.inner.readers.read(move |connection| sql_privacy::kept(connection, wallet)).await
    }

    /// Erases a wallet. Its peers must be out of the tunnel before.
    pub async fn erase_wallet(&self, wallet: Address, reason: &str) -> Result<(), StoreError> {
        let entry = self.entry("erase", "erased", reason);
        self.write(|reply| WriteRequest::Erase { wallet, entry, reply }).await?;
        self.inner.memory.intents.erase(wallet);
        Ok(())
    }

    fn entry(&self, action: &str, subject: &str, reason: &str) -> AuditEntry {
        let reason = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
        AuditEntry { at: self.inner.clock.unix(), action: action.into(), subject: subject.into(), reason }
    }
}
