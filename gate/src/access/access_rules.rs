//! Rules of access: the settings with the derived contracts and scopes.

use alloy::primitives::{Address, B256, U256};
use sovereign_contracts::nft_delegation::ALL_COLLECTIONS;
use sovereign_contracts::reader::CallResult;

use super::{AccessConfig, Standard};

/// Settings in the form that decisions need.
#[derive(Debug)]
pub(super) struct AccessRules {
    pub(super) config: AccessConfig,
    /// The Memes and the further collections, each once.
    pub(super) contracts: Vec<Address>,
    /// Scopes of a 6529 registration: each contract, and all collections.
    pub(super) scopes: Vec<Address>,
}

impl AccessRules {
    pub(super) fn new(config: AccessConfig) -> Self {
        let mut contracts = vec![config.memes];
        for collection in &config.collections {
            if !contracts.contains(&collection.contract) {
                contracts.push(collection.contract);
            }
        }
        let scopes = contracts.iter().copied().chain([ALL_COLLECTIONS]).collect();
        Self { config, contracts, scopes }
    }

    /// Rights to query at delegate.xyz. A query for a right also finds full delegations.
    pub(super) fn queried_rights(&self) -> Vec<B256> {
        if self.config.rights.is_empty() { vec![B256::ZERO] } else { self.config.rights.clone() }
    }

    pub(super) fn accepts_right(&self, right: B256) -> bool {
        right.is_zero() || self.config.rights.contains(&right)
    }

    /// Token ids in the configuration, with their contracts.
    pub(super) fn configured_tokens(&self) -> Vec<(Address, U256)> {
        let mut tokens = vec![(self.config.memes, self.config.this_card)];
        for collection in &self.config.collections {
            if let Standard::Erc1155 { ids } = &collection.standard {
                tokens.extend(ids.iter().map(|&id| (collection.contract, id)));
            }
        }
        tokens
    }
}

/// Iterator over call results in the order of the calls.
#[derive(Debug)]
pub(super) struct CallResults<'a>(std::slice::Iter<'a, CallResult>);

impl<'a> CallResults<'a> {
    pub(super) fn new(results: &'a [CallResult]) -> Self {
        Self(results.iter())
    }

    /// Returns the next result. The reader returns one result for each call.
    pub(super) fn next(&mut self) -> Option<&'a CallResult> {
        self.0.next()
    }
}
