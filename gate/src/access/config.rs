//! Settings of access.

use std::collections::HashSet;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use sovereign_contracts::nft_delegation::{ALL_COLLECTIONS, USE_CASE_CONSOLIDATION, USE_CASE_SUB_DELEGATION};
use sovereign_contracts::{delegate_registry, memes, nft_delegation};

use super::Tier;
use crate::config::{CollectionSection, Config, StandardName, TierName};

/// Which cards and delegations count, and how long answers are cached.
#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// The Memes.
    pub memes: Address,
    /// The card that gives the free tier.
    pub this_card: U256,
    /// Interval between searches for new card ids.
    pub discovery_interval: Duration,
    /// Further collections.
    pub collections: Vec<Collection>,
    /// 6529's NFTDelegation; `None` switches it off.
    pub nft_delegation: Option<Address>,
    /// delegate.xyz v2; `None` switches it off.
    pub delegate_registry: Option<Address>,
    /// Use cases of NFTDelegation that count.
    pub use_cases: Vec<u64>,
    /// Rights of delegate.xyz that count besides full delegations.
    pub rights: Vec<B256>,
    /// Cache lifetime of an entitlement.
    pub positive_ttl: Duration,
    /// Cache lifetime of a denial.
    pub negative_ttl: Duration,
    /// Maximum number of cached answers.
    pub capacity: u64,
    /// Addresses whose cards rank last in a summary.
    pub deny_wallets: HashSet<Address>,
    /// Maximum number of vaults read in one decision.
    pub max_vaults: usize,
}

/// A further collection that gives a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Contract address.
    pub contract: Address,
    /// How balances are read.
    pub standard: Standard,
    /// Tier that a token gives.
    pub tier: Tier,
}

/// Token standard of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standard {
    /// `balanceOfBatch` of these ids.
    Erc1155 {
        /// The ids that count.
        ids: Vec<U256>,
    },
    /// `balanceOf`: every token counts.
    Erc721,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            memes: memes::MAINNET,
            this_card: U256::ZERO,
            discovery_interval: Duration::from_secs(60),
            collections: Vec::new(),
            nft_delegation: Some(nft_delegation::MAINNET),
            delegate_registry: Some(delegate_registry::CANONICAL),
            use_cases: vec![nft_delegation::USE_CASE_ALL, nft_delegation::USE_CASE_CLUB_ACCESS],
            rights: Vec::new(),
            positive_ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(15),
            capacity: 100_000,
            deny_wallets: HashSet::new(),
            max_vaults: 16,
        }
    }
}

impl From<&Config> for AccessConfig {
    fn from(config: &Config) -> Self {
        let switched_on = |contract: Address| (!contract.is_zero()).then_some(contract);
        Self {
            memes: config.memes.contract,
            this_card: config.memes.this_card.0,
            discovery_interval: config.memes.discovery_interval,
            collections: config.collections.iter().map(Collection::from).collect(),
            nft_delegation: switched_on(config.delegation.nft_delegation),
            delegate_registry: switched_on(config.delegation.delegate_registry),
            use_cases: config.delegation.use_cases.clone(),
            rights: config.delegation.rights.clone(),
            positive_ttl: config.cache.positive_ttl,
            negative_ttl: config.cache.negative_ttl,
            capacity: config.cache.capacity,
            deny_wallets: config.policy.deny_wallets.iter().copied().collect(),
            ..Self::default()
        }
    }
}

impl From<&CollectionSection> for Collection {
    fn from(section: &CollectionSection) -> Self {
        Self {
            contract: section.contract,
            standard: match section.standard {
                StandardName::Erc1155 => {
                    Standard::Erc1155 { ids: section.ids.iter().map(|id| id.0).collect() }
                }
                StandardName::Erc721 => Standard::Erc721,
            },
            tier: match section.tier {
                TierName::Free => Tier::Free,
                TierName::Paid => Tier::Paid,
            },
        }
    }
}

/// Invalid access settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessConfigError {
    /// A setting would admit too much or too little, or overload a provider.
    #[error("{0}")]
    Invalid(String),
}

/// Maximum number of use cases, rights and collections together: each adds to every read.
const LIST_LIMIT: usize = 64;

impl AccessConfig {
    /// Rejects settings that cannot work.
    pub fn validate(&self) -> Result<(), AccessConfigError> {
        let refuse = |why: &str| Err(AccessConfigError::Invalid(why.to_owned()));
        let special = [USE_CASE_SUB_DELEGATION, USE_CASE_CONSOLIDATION];
        if self.use_cases.iter().any(|case| *case == 0 || special.contains(case)) {
            return refuse("use cases 0, 998 and 999 are no delegation of access");
        }
        if self.memes.is_zero() || self.collections.iter().any(|c| unusable(c.contract)) {
            return refuse("a collection needs the address of its contract");
        }
        if self.collections.iter().any(|collection| collection.tier == Tier::Denied) {
            return refuse("a collection gives the free or the paid tier");
        }
        let ids = |collection: &Collection| match &collection.standard {
            Standard::Erc1155 { ids } => ids.len(),
            Standard::Erc721 => 1,
        };
        if self.collections.iter().any(|collection| ids(collection) == 0) {
            return refuse("an ERC-1155 collection needs the ids that count");
        }
        if self.use_cases.len() + self.rights.len() + self.collections.len() > LIST_LIMIT
            || self.collections.iter().map(ids).sum::<usize>() > 16 * LIST_LIMIT
        {
            return refuse("too many use cases, rights, collections or ids");
        }
        if self.discovery_interval.is_zero() {
            return refuse("the interval of discovery must not be zero");
        }
        Ok(())
    }
}

fn unusable(contract: Address) -> bool {
    contract.is_zero() || contract == ALL_COLLECTIONS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn with(change: impl FnOnce(&mut AccessConfig)) -> Result<(), AccessConfigError> {
        let mut config = AccessConfig::default();
        change(&mut config);
        config.validate()
    }

    fn collection(standard: Standard, tier: Tier) -> Collection {
        Collection { contract: Address::repeat_byte(1), standard, tier }
    }

    #[test]
    fn rejects_settings_that_cannot_work() {
        with(|_| {}).unwrap();
        for case in [0, 998, 999] {
            with(|config| config.use_cases.push(case)).unwrap_err();
        }
        with(|config| config.memes = Address::ZERO).unwrap_err();
        with(|config| config.discovery_interval = Duration::ZERO).unwrap_err();
        with(|config| config.collections.push(collection(Standard::Erc721, Tier::Denied))).unwrap_err();
        with(|config| config.collections.push(collection(Standard::Erc721, Tier::Paid))).unwrap();
        let ids = |ids| Standard::Erc1155 { ids };
        with(|config| config.collections.push(collection(ids(vec![]), Tier::Paid))).unwrap_err();
        with(|config| config.collections.push(collection(ids(vec![U256::ONE]), Tier::Paid))).unwrap();
        with(|config| config.collections.push(collection(ids(vec![U256::ONE; 2000]), Tier::Paid)))
            .unwrap_err();
        with(|config| config.rights = vec![B256::ZERO; 100]).unwrap_err();
    }
}
