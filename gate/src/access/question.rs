//! What is asked about a wallet.

use alloy::primitives::Address;

use super::lists;

/// One question. An answer to one is never given for the other: each has its own key in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// The wallet's own cards and, if one is named, those of one vault: one bounded read that no stranger can lengthen
    /// or change.
    Named {
        /// The wallet.
        wallet: Address,
        /// The vault.
        vault: Option<Address>,
    },
    /// The wallet's own cards and those of the vaults that the registries list for it.
    Listed {
        /// The wallet.
        wallet: Address,
    },
}

impl Question {
    /// The wallet's own cards and, unless it cannot be a vault of this wallet, those of `vault`.
    pub fn named(wallet: Address, vault: Option<Address>) -> Self {
        Self::Named { wallet, vault: vault.filter(|vault| lists::is_vault(*vault, wallet)) }
    }

    /// The wallet that is asked about.
    pub fn wallet(self) -> Address {
        match self {
            Self::Named { wallet, .. } | Self::Listed { wallet } => wallet,
        }
    }

    /// The vault that is named.
    pub fn vault(self) -> Option<Address> {
        match self {
            Self::Named { vault, .. } => vault,
            Self::Listed { .. } => None,
        }
    }
}
