//! Audit log: operator actions with their reasons, kept for a while and over restarts.

use super::clock::UnixTime;

/// Maximum characters of a reason.
pub const MAX_REASON_CHARS: usize = 500;

/// One operator action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Time of the action.
    pub at: UnixTime,
    /// Action: `drop`, `pause`, `resume`, `lockdown`, `reload`, `erase`, `export`.
    pub action: String,
    /// Subject: sessions, a wallet, or `all`.
    pub subject: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Pause of new admissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Start of the pause.
    pub since: UnixTime,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Pause {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [&self.since.to_be_bytes()[..], self.reason.as_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (since, reason) = bytes.split_first_chunk::<8>()?;
        let reason = String::from_utf8_lossy(reason).into_owned();
        Some(Self { since: UnixTime::from_be_bytes(*since), reason })
    }
}

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
