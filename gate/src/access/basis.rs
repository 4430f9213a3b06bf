//! One way in which a card entitles a wallet.

use std::collections::HashSet;

use alloy::primitives::{Address, U256};
use serde::{Serialize, Serializer};

/// Tier of access that cards give.
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
    /// Name in answers, records and metrics.
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
    /// Name in answers and records.
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
    /// Tier of this basis; never [`Tier::Denied`].
    pub tier: Tier,
    /// How the cards belong to the wallet.
    pub via: Via,
    /// The wallet that holds the cards, unless it is the wallet itself.
    pub vault: Option<Address>,
    /// Contract of the first card of `cards`.
    pub collection: Address,
    /// Token ids of the cards that give this tier; empty for ERC-721. Holds at most one id more than
    /// [`MAX_SHOWN_CARDS`], which indicates that there are more.
    pub cards: Vec<U256>,
    /// Number of the block at which this was read.
    pub block: u64,
    /// Unix time at which the delegation behind this basis expires; `None` if it does not.
    pub expires_at: Option<u64>,
}

/// Maximum number of card ids in a summary.
pub const MAX_SHOWN_CARDS: usize = 20;

impl Basis {
    /// Returns the address that holds the cards. Devices and slots are counted for it.
    pub fn holder(&self, wallet: Address) -> Address {
        self.vault.unwrap_or(wallet)
    }

    /// Whether `denied` contains the holder.
    pub(super) fn is_denied(&self, wallet: Address, denied: &HashSet<Address>) -> bool {
        denied.contains(&self.holder(wallet))
    }
}
