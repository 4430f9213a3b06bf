//! Sessions that the gate admitted.

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use crate::store::clock::UnixTime;
use crate::store::sessions::cause::EvictionCause;

/// Record of an admitted handshake until the session leaves the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session on the hub.
    pub session_id: u64,
    /// Account of the handshake.
    pub account: AccountAddress,
    /// Wallet of the basis. `None` for a probe account.
    pub wallet: Option<Address>,
    /// Wallet that holds the card, if it is another one.
    pub vault: Option<Address>,
    /// Relation of the card to the wallet, as in answers. `None` for a probe and in older records.
    pub via: Option<String>,
    /// Contract of the card. `None` for a probe and in older records.
    pub collection: Option<Address>,
    /// Id of the card.
    pub card: Option<String>,
    /// The tier's label.
    pub tier: String,
    /// Plan of the subscription. `None`: no plan, or not read.
    pub plan: Option<u64>,
    /// The tunnel service's name.
    pub service: String,
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// Addresses in the tunnel, as the node answered.
    pub addresses: Vec<String>,
    /// Hash of the handshake's bytes, which identifies a repeat.
    pub handshake_hash: [u8; 32],
    /// The holder for which it was admitted: its slot at the node counts for that one until it is free, whatever basis
    /// the session rests on later. None for a probe.
    pub slot_holder: Option<Address>,
    /// When it was admitted.
    pub admitted_at: UnixTime,
    /// The Ethereum block of the decision.
    pub decision_block: u64,
    /// When the right to it ends.
    pub expires_at: UnixTime,
    /// Whether its peer is in the tunnel.
    pub state: SessionState,
    /// Cause of the eviction.
    pub cause: Option<EvictionCause>,
    /// Time of the last eviction. `None`: never, and in older records.
    pub evicted_at: Option<UnixTime>,
    /// It came back after a device limit or a lockdown: only sign-ins after this time entitle it.
    pub signed_in_after: Option<UnixTime>,
    /// The Ethereum address of the key that signed the handshake: it may entitle the account too.
    pub own_key: Option<Address>,
}

impl SessionRecord {
    /// Address that holds the card, for which device slots are counted. `None` for a probe.
    pub fn holder(&self) -> Option<Address> {
        self.vault.or(self.wallet)
    }

    /// The addresses by which events on Ethereum end its right, and what they give.
    pub fn rests_on(&self) -> (Option<Address>, Option<Address>, &str) {
        (self.wallet, self.vault, &self.tier)
    }

    /// Whether its peer is in the tunnel.
    pub fn is_live(&self) -> bool {
        self.state == SessionState::Live
    }

    /// Whether its peer is in the tunnel and uses a device slot of this holder and tier.
    pub fn has_device_slot_of(&self, holder: Option<Address>, tier: &str) -> bool {
        self.is_live() && (self.holder(), self.tier.as_str()) == (holder, tier)
    }

    /// The record without the wallet; `None`: the record does not contain it.
    pub(in crate::store) fn without(&self, wallet: Address) -> Option<Self> {
        let rests_on_it = [self.wallet, self.vault].contains(&Some(wallet));
        let other = |address: &Address| *address != wallet;
        let (own_key, slot_holder) = (self.own_key.filter(other), self.slot_holder.filter(other));
        if !rests_on_it && (own_key, slot_holder) == (self.own_key, self.slot_holder) {
            return None;
        }
        let rest = Self { slot_holder, own_key, ..self.clone() };
        // What it rests on by another wallet stays: else no event would name it.
        Some(if rests_on_it {
            Self { wallet: None, vault: None, collection: None, card: None, ..rest }
        } else {
            rest
        })
    }
}

/// Whether a session's peer is in the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Its peer is in the tunnel.
    Live,
    /// Its peer was removed. Its key stays refused to others while the session lives on the hub.
    Evicted,
}

impl SessionState {
    /// Its name in answers and in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Evicted => "evicted",
        }
    }

    pub(in crate::store) fn parse(label: &str) -> Option<Self> {
        [Self::Live, Self::Evicted].into_iter().find(|state| state.label() == label)
    }
}

/// Claim of a tunnel key and a device slot for a session, before the node is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClaim {
    /// The session on the hub.
    pub session_id: u64,
    /// Address that holds the card. `None` for a probe, which uses no device slot.
    pub holder: Option<Address>,
    /// The tier's label.
    pub tier: String,
    /// The tunnel service's name.
    pub service: String,
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// Limits of the holder. `None`: unlimited.
    pub limits: Option<HolderLimits>,
}

/// Limits of one holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolderLimits {
    /// Live sessions, the one of the claim included. A live session with the same holder and tier has its device slot
    /// already.
    pub devices: usize,
    /// Entries in the node's peer table, the one of the claim included: live sessions and evicted ones with a peer
    /// that the node has not removed yet. A session with a peer slot of this holder needs no other one.
    pub peer_slots: usize,
    /// New sessions within an hour, the one of the claim included. None: the session is not new.
    pub admissions_per_hour: Option<usize>,
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
    /// The holder has the maximum number of sessions.
    #[error("{} of {limit} devices are connected", sessions.len())]
    DeviceLimit {
        /// Sessions that count: recorded ones and pending claims.
        sessions: Vec<u64>,
        /// The recorded ones of them.
        recorded: Vec<u64>,
        /// Maximum number.
        limit: usize,
    },
    /// The holder's peers use the maximum number of the node's slots.
    #[error("{} of {limit} slots are held", sessions.len())]
    SlotLimit {
        /// Sessions that use the slots.
        sessions: Vec<u64>,
        /// Maximum number.
        limit: usize,
    },
    /// The holder had the maximum number of new sessions within an hour.
    #[error("{limit} sessions were admitted within an hour")]
    AdmissionLimit {
        /// Maximum number.
        limit: usize,
        /// Seconds until the next one.
        retry_after: u64,
    },
}
