//! Vaults that the delegation lists of a wallet name, and the checks to make with each.
//!
//! A hint proves nothing. Third parties can lengthen the lists; each listed vault is verified by `pair_checks`, at a
//! cost that third parties cannot raise.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, U256};

use super::access_rules::AccessRules;

/// Checks to make between the wallet and one vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DelegationHints {
    /// (scope, use case, number of rows) at 6529.
    pub(super) rows: Vec<(Address, u64, usize)>,
    /// Consolidation at 6529.
    pub(super) consolidation: bool,
    /// (contract, right) at delegate.xyz.
    pub(super) contracts: Vec<(Address, B256)>,
    /// (contract, id, right) at delegate.xyz.
    pub(super) tokens: Vec<(Address, U256, B256)>,
}

/// Maximum rows read for one pair, scope and use case. Only the vault can add rows there.
const MAX_ROWS_PER_USE_CASE: usize = 16;
/// Maximum checks at delegate.xyz for one vault.
const MAX_CHECKS_PER_VAULT: usize = 64;

impl DelegationHints {
    /// Returns all checks, for a vault that the query names.
    pub(super) fn for_named_vault(rules: &AccessRules) -> Self {
        let mut hints = Self { consolidation: rules.config.nft_delegation.is_some(), ..Self::default() };
        if hints.consolidation {
            let cases = &rules.config.use_cases;
            let pairs = rules
                .scopes
                .iter()
                .flat_map(|&scope| cases.iter().map(move |&case| (scope, case, MAX_ROWS_PER_USE_CASE)));
            hints.rows = pairs.collect();
        }
        if rules.config.delegate_registry.is_some() {
            for right in rules.queried_rights() {
                hints.contracts.extend(rules.contracts.iter().map(|&contract| (contract, right)));
                let tokens =
                    rules.configured_tokens().into_iter().map(|(contract, id)| (contract, id, right));
                hints.tokens.extend(tokens);
            }
            hints.tokens.truncate(MAX_CHECKS_PER_VAULT);
        }
        hints
    }

    pub(super) fn add_rows(&mut self, scope: Address, use_case: u64, count: usize) {
        if !self.rows.iter().any(|(s, case, _)| (*s, *case) == (scope, use_case)) {
            self.rows.push((scope, use_case, count.min(MAX_ROWS_PER_USE_CASE)));
        }
    }

    pub(super) fn add_contract(&mut self, contract: Address, right: B256) {
        if !self.contracts.contains(&(contract, right)) && self.contracts.len() < MAX_CHECKS_PER_VAULT {
            self.contracts.push((contract, right));
        }
    }

    pub(super) fn add_token(&mut self, contract: Address, id: U256, right: B256) {
        if !self.tokens.contains(&(contract, id, right)) && self.tokens.len() < MAX_CHECKS_PER_VAULT {
            self.tokens.push((contract, id, right));
        }
    }
}

/// Vaults named by all lists, in the order of each list.
#[derive(Debug, Default)]
pub(super) struct VaultCandidates {
    hints: HashMap<Address, DelegationHints>,
    lists: Vec<Vec<Address>>,
}

impl VaultCandidates {
    pub(super) fn start_list(&mut self) {
        self.lists.push(Vec::new());
    }

    pub(super) fn hints_for(&mut self, vault: Address) -> &mut DelegationHints {
        if let Some(list) = self.lists.last_mut() {
            list.push(vault);
        }
        self.hints.entry(vault).or_default()
    }

    /// Selects at most `limit` vaults: the first of each list, then the second of each list, and so on. Registries list
    /// the oldest entry first, so entries that third parties append displace no earlier vault and no other list.
    pub(super) fn select(mut self, limit: usize) -> Vec<(Address, DelegationHints)> {
        let longest = self.lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turns =
            (0..longest).flat_map(|place| self.lists.iter().filter_map(move |list| list.get(place)));
        let mut chosen = Vec::new();
        for vault in in_turns {
            if chosen.len() == limit {
                break;
            }
            chosen.extend(self.hints.remove(vault).map(|hints| (*vault, hints)));
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(number: u64) -> Address {
        Address::left_padding_from(&number.to_be_bytes())
    }

    fn candidates(lists: &[&[u64]]) -> VaultCandidates {
        let mut candidates = VaultCandidates::default();
        for list in lists {
            candidates.start_list();
            for &number in *list {
                candidates.hints_for(vault(number)).consolidation = true;
            }
        }
        candidates
    }

    fn chosen(lists: &[&[u64]], limit: usize) -> Vec<Address> {
        candidates(lists).select(limit).into_iter().map(|(vault, _)| vault).collect()
    }

    #[test]
    fn lists_take_turns_and_each_vault_is_chosen_once() {
        assert_eq!(chosen(&[&[1, 2, 3], &[], &[4, 1, 5]], 9), [1, 4, 2, 3, 5].map(vault));
        assert!(chosen(&[], 9).is_empty());
    }

    #[test]
    fn long_list_displaces_neither_its_first_vaults_nor_other_lists() {
        let bloated: Vec<u64> = (1..10_000).collect();
        let chosen = chosen(&[&bloated, &[20_000]], 4);
        assert_eq!(chosen, [1, 20_000, 2, 3].map(vault));
    }

    /// Registries append entries, so vaults of third parties come after the earlier ones.
    #[test]
    fn appended_strangers_keep_the_vaults_and_their_order_within_the_limit() {
        let before = chosen(&[&[1, 2, 3], &[], &[4, 1]], 16);
        let after = chosen(&[&[1, 2, 3, 90, 91], &[92, 93, 94, 95], &[4, 1, 96], &[97]], 16);
        let kept: Vec<Address> = after.into_iter().filter(|vault| before.contains(vault)).collect();
        assert_eq!(kept, before);
    }

    #[test]
    fn checks_for_one_vault_are_bounded() {
        let mut hints = DelegationHints::default();
        for number in 0..1000 {
            hints.add_rows(vault(0), 1, 1000);
            hints.add_token(vault(0), U256::from(number), B256::ZERO);
            hints.add_contract(vault(number), B256::ZERO);
        }
        assert_eq!(hints.rows, [(vault(0), 1, MAX_ROWS_PER_USE_CASE)]);
        assert_eq!((hints.tokens.len(), hints.contracts.len()), (MAX_CHECKS_PER_VAULT, MAX_CHECKS_PER_VAULT));
        hints.add_token(vault(0), U256::ZERO, B256::ZERO);
        assert_eq!(hints.tokens.len(), MAX_CHECKS_PER_VAULT);
    }
}
