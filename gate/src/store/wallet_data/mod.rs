//! Export and erasure of all stored data of one wallet.

use alloy::primitives::Address;

use super::audit::AuditEntry;
use super::clock::UnixTime;
use super::database::Database;
use super::error::StoreError;
use super::write_request::WriteRequest;

pub(in crate::store) mod sql;

/// All stored data of one wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalletExport {
    /// Its bindings, with the signed texts.
    pub bindings: Vec<ExportedBinding>,
    /// Sessions that rest or rested on it, as wallet or as vault.
    pub sessions: Vec<ExportedSession>,
    /// Handshakes for the wallet that were sent to the node and have no known result.
    pub open: Vec<ExportedHandshake>,
    /// Operator actions on the wallet.
    pub audit: Vec<AuditEntry>,
}

/// A stored binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedBinding {
    /// The account, as text.
    pub account: String,
    /// The wallet that signed, as text.
    pub wallet: String,
    /// The vault that it named.
    pub vault: Option<String>,
    /// When it was signed.
    pub issued_at: UnixTime,
    /// When it ends.
    pub expires_at: UnixTime,
    /// The signed text.
    pub message: String,
}

/// A stored handshake that is with the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedHandshake {
    /// The session on the hub.
    pub session_id: u64,
    /// The account, as text.
    pub account: String,
    /// When it was admitted.
    pub admitted_at: UnixTime,
}

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedSession {
    /// The session on the hub.
    pub session_id: u64,
    /// The account, as text.
    pub account: String,
    /// When it was admitted.
    pub admitted_at: UnixTime,
    /// When it left the hub, if it did.
    pub ended_at: Option<UnixTime>,
    /// Its addresses in the tunnel.
    pub addresses: Vec<String>,
}

/// Repository of the data of one wallet, over the tables of all repositories.
#[derive(Debug, Clone, Copy)]
pub struct WalletDataRepository<'a> {
    database: &'a Database,
}

impl<'a> WalletDataRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// All stored data of a wallet.
    pub async fn export(self, wallet: Address) -> Result<WalletExport, StoreError> {
        self.database.readers.read(move |connection| sql::kept(connection, wallet)).await
    }

    /// Erases a wallet. Its peers must be out of the tunnel before.
    pub async fn erase(self, wallet: Address, reason: &str) -> Result<(), StoreError> {
        let entry = AuditEntry::new(self.database.clock.unix(), "erase", "erased", reason);
        self.database.write(|reply| WriteRequest::Erase { wallet, entry, reply }).await?;
        self.database.memory.intents.erase(wallet);
        Ok(())
    }
}
