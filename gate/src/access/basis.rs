//! One way in which a card entitles a wallet.

use std::collections::HashSet;

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
    /// As it is spelt in answers, records and metrics.
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
    /// As it is spelt in answers and records.
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

/// Cards of one holder that give a wallet one tier in one way, true at `block`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// What it gives; never [`Tier::Denied`].
    pub tier: Tier,
    /// How the cards belong to the wallet.
    pub via: Via,
    /// The wallet that holds the cards, unless it is the wallet itself.
    pub vault: Option<Address>,
    /// Contract of the first card of `cards`.
    pub collection: Address,
    /// Token ids of the cards that give this tier; empty for ERC-721. At most one more than [`CARDS_SHOWN`], which tells
    /// that there are more.
    pub cards: Vec<U256>,
    /// Number of the block that this was read at.
    pub block: u64,
    /// The second from which on it is no longer true, when the delegation behind it has an end.
    pub until: Option<u64>,
}

/// Cards that an answer shows.
pub const CARDS_SHOWN: usize = 20;

impl Basis {
    /// The address that holds the cards, for which places and slots are counted.
    pub fn holder(&self, wallet: Address) -> Address {
        self.vault.unwrap_or(wallet)
    }

    /// Whether the holder is one of `denied`.
    pub(super) fn is_denied(&self, wallet: Address, denied: &HashSet<Address>) -> bool {
        denied.contains(&self.holder(wallet))
    }
}
