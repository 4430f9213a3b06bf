//! A query about a wallet.

use alloy::primitives::Address;

use super::delegation_lists;

/// A query. Each variant has its own cache key, so an answer to one is never used for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntitlementQuery {
    /// The wallet's own cards and those of the named vault: one bounded read that third parties can neither lengthen
    /// nor change.
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

impl EntitlementQuery {
    /// Builds a query with `vault`, which is dropped if it cannot be a vault of this wallet.
    pub fn named(wallet: Address, vault: Option<Address>) -> Self {
        Self::Named { wallet, vault: vault.filter(|vault| delegation_lists::can_be_vault(*vault, wallet)) }
    }

    /// The wallet.
    pub fn wallet(self) -> Address {
        match self {
            Self::Named { wallet, .. } | Self::Listed { wallet } => wallet,
        }
    }

    /// The named vault.
    pub fn vault(self) -> Option<Address> {
        match self {
            Self::Named { vault, .. } => vault,
            Self::Listed { .. } => None,
        }
    }
}
