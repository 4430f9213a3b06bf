//! What a wallet is entitled to, and on what that rests.

use alloy::primitives::{Address, U256};
use serde::{Serialize, Serializer};

/// What the cards give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// No qualifying card.
    Denied,
    /// Any card.
    Paid,
    /// THIS card.
    Free,
}

impl Tier {
    /// As it is spelt in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Paid => "paid",
            Self::Free => "free",
        }
    }
}

/// How the card belongs to the wallet, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The wallet holds it.
    Own,
    /// The vault and the wallet consolidated with each other at 6529.
    Consolidation,
    /// The vault delegated to the wallet at 6529.
    Delegation,
    /// The vault delegated to the wallet at delegate.xyz.
    DelegateXyz,
}

impl Via {
    /// As it is spelt in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Consolidation => "6529-consolidation",
            Self::Delegation => "6529-delegation",
            Self::DelegateXyz => "delegate.xyz",
        }
    }
}

impl Serialize for Via {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The answer for one wallet, true at `block`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The best tier that the wallet and its vaults give.
    pub tier: Tier,
    /// How; `None` when denied.
    pub via: Option<Via>,
    /// The wallet that was asked about.
    pub wallet: Address,
    /// Who holds the cards, when that is not the wallet itself.
    pub vault: Option<Address>,
    /// Token ids of the cards that count, the one that gives the tier first; at most [`CARDS_SHOWN`].
    pub cards: Vec<U256>,
    /// There are more cards than shown.
    pub more_cards: bool,
    /// Number of the block that this was read at.
    pub block: u64,
    /// The second from which on it is no longer true, when the delegation behind it has an end.
    pub until: Option<u64>,
    /// The lists of delegations to this wallet could not be read in full, because somebody bloated them. A
    /// holder gets in by naming the vault.
    pub delegations_unread: bool,
}

/// Cards that an entitlement shows.
pub const CARDS_SHOWN: usize = 20;
