//! The contracts that matter, ready for use.

use alloy::primitives::{Address, B256, U256};
use sovereign_contracts::nft_delegation::ALL_COLLECTIONS;
use sovereign_contracts::reader::CallResult;

use super::{AccessConfig, Standard};

/// Configuration in the form that decisions need.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: AccessConfig,
    /// The Memes and the further collections, each once.
    pub(super) contracts: Vec<Address>,
    /// What a registration at 6529 may be for: each contract, and all.
    pub(super) scopes: Vec<Address>,
}

impl World {
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

    /// Rights to ask delegate.xyz for. Asking for a right finds full delegations too.
    pub(super) fn rights(&self) -> Vec<B256> {
        if self.config.rights.is_empty() { vec![B256::ZERO] } else { self.config.rights.clone() }
    }

    pub(super) fn accepts_right(&self, right: B256) -> bool {
        right.is_zero() || self.config.rights.contains(&right)
    }

    /// Single ids that the configuration names, with their contracts.
    pub(super) fn named_tokens(&self) -> Vec<(Address, U256)> {
        let mut tokens = vec![(self.config.memes, self.config.this_card)];
        for collection in &self.config.collections {
            if let Standard::Erc1155 { ids } = &collection.standard {
                tokens.extend(ids.iter().map(|&id| (collection.contract, id)));
            }
        }
        tokens
    }
}

/// Hands out results in the order in which the calls were made.
#[derive(Debug)]
pub(super) struct Results<'a>(std::slice::Iter<'a, CallResult>);

impl<'a> Results<'a> {
    pub(super) fn new(results: &'a [CallResult]) -> Self {
        Self(results.iter())
    }

    /// The reader gives as many results as there were calls, so there is one for each call.
    pub(super) fn next(&mut self) -> Option<&'a CallResult> {
        self.0.next()
    }
}
