//! Sessions that the gate admitted.

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use super::cause::Cause;
use super::clock::UnixTime;

/// What the gate remembers of an admitted handshake until the session leaves the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session on the hub.
    pub session_id: u64,
    /// Whose handshake it was.
    pub account: AccountAddress,
    /// The wallet it rests on. None for a probe account.
    pub wallet: Option<Address>,
    /// The wallet that holds the card, if another one.
    pub vault: Option<Address>,
    /// The card it rests on, as `contract/id`.
    pub card: Option<String>,
    /// The tier's label.
    pub tier: String,
    /// The plan that it is of. None: of none, or it was never asked.
    pub plan: Option<u64>,
    /// The tunnel service's name.
    pub service: String,
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// Addresses in the tunnel, as the node answered.
    pub addresses: Vec<String>,
    /// Hash of the handshake's bytes, to know an identical repeat.
    pub handshake_hash: [u8; 32],
    /// When it was admitted.
    pub admitted_at: UnixTime,
    /// The Ethereum block of the decision.
    pub decision_block: u64,
    /// When the right to it ends.
    pub expires_at: UnixTime,
    /// Whether its peer is in the tunnel.
    pub state: SessionState,
    /// Why it was taken out.
    pub cause: Option<Cause>,
    /// The Ethereum address of the key that signed the handshake: it may entitle the account too.
    pub own_key: Option<Address>,
}

impl SessionRecord {
    /// Whether its peer is in the tunnel, and its place is that of a holder of this tier by this wallet and vault.
    pub fn is_in_on(&self, wallet: Option<Address>, vault: Option<Address>, tier: &str) -> bool {
        self.state == SessionState::Live
            && (self.wallet, self.vault, self.tier.as_str()) == (wallet, vault, tier)
    }

    /// The same without the wallet; `None`: it does not speak of it.
    pub(super) fn without(&self, wallet: Address) -> Option<Self> {
        let speaks = [self.wallet, self.vault, self.own_key].contains(&Some(wallet));
        speaks.then(|| Self { wallet: None, vault: None, card: None, own_key: None, ..self.clone() })
    }
}

/// Whether a session's peer is in the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// It is.
    Live,
    /// It was taken out. Its key stays refused to others while the session lives on the hub.
    Evicted,
}

impl SessionState {
    /// The word for it in answers and in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Evicted => "evicted",
        }
    }

    pub(super) fn parse(label: &str) -> Option<Self> {
        [Self::Live, Self::Evicted].into_iter().find(|state| state.label() == label)
    }
}

/// A request to use a tunnel key for a session, before the node is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The session on the hub.
    pub session_id: u64,
    /// The wallet it rests on. None for a probe account, which counts as nobody's device.
    pub wallet: Option<Address>,
    /// The wallet that holds the card, if another one.
    pub vault: Option<Address>,
    /// The tier's label.
    pub tier: String,
    /// The tunnel service's name.
    pub service: String,
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// How many sessions the holder may have at a time, this one included. None: any number. A live session that
    /// rests on the same already has its place.
    pub devices: Option<usize>,
}

/// Why a claim is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another session uses, or was evicted with, the same tunnel key.
    #[error("the tunnel key is in use by session {session_id}")]
    PeerInUse {
        /// The other session.
        session_id: u64,
    },
    /// The holder has as many sessions as one may.
    #[error("{} of {limit} devices are connected", sessions.len())]
    DeviceLimit {
        /// The sessions that count.
        sessions: Vec<u64>,
        /// Those of them that rest on the holder; the others are only asked for, and may be somebody else's.
        his: Vec<u64>,
        /// How many there may be.
        limit: usize,
    },
}
