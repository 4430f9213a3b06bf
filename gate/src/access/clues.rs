//! Whom to look at: the vaults that the lists of a wallet name, and what there is to check with each.
//!
//! A clue proves nothing. Lists may be long because strangers made them so; what they name is checked pair by
//! pair, which costs the same whatever strangers do.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, U256};

use super::world::World;

/// What to check between the wallet and one vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clues {
    /// (scope, use case, number of rows) at 6529.
    pub(super) rows: Vec<(Address, u64, usize)>,
    /// Consolidation at 6529.
    pub(super) consolidation: bool,
    /// (contract, right) at delegate.xyz.
    pub(super) contracts: Vec<(Address, B256)>,
    /// (contract, id, right) at delegate.xyz.
    pub(super) tokens: Vec<(Address, U256, B256)>,
}

/// Rows of one (pair, scope, use case) that are looked at. Only the vault adds rows there.
const ROWS: usize = 16;
/// Checks at delegate.xyz for one vault.
const CHECKS: usize = 64;

impl Clues {
    /// For a vault that was named instead of found.
    pub(super) fn everything(world: &World) -> Self {
        let mut clues = Self { consolidation: world.config.nft_delegation.is_some(), ..Self::default() };
        if clues.consolidation {
            let cases = &world.config.use_cases;
            let pairs =
                world.scopes.iter().flat_map(|&scope| cases.iter().map(move |&case| (scope, case, ROWS)));
            clues.rows = pairs.collect();
        }
        if world.config.delegate_registry.is_some() {
            for right in world.rights() {
                clues.contracts.extend(world.contracts.iter().map(|&contract| (contract, right)));
                let tokens = world.named_tokens().into_iter().map(|(contract, id)| (contract, id, right));
                clues.tokens.extend(tokens);
            }
            clues.tokens.truncate(CHECKS);
        }
        clues
    }

    pub(super) fn look_at_rows(&mut self, scope: Address, use_case: u64, count: usize) {
        if !self.rows.iter().any(|(s, case, _)| (*s, *case) == (scope, use_case)) {
            self.rows.push((scope, use_case, count.min(ROWS)));
        }
    }

    pub(super) fn add_contract(&mut self, contract: Address, right: B256) {
        if !self.contracts.contains(&(contract, right)) && self.contracts.len() < CHECKS {
            self.contracts.push((contract, right));
        }
    }

    pub(super) fn add_token(&mut self, contract: Address, id: U256, right: B256) {
        if !self.tokens.contains(&(contract, id, right)) && self.tokens.len() < CHECKS {
            self.tokens.push((contract, id, right));
        }
    }
}

/// The vaults of all lists, each list in its order.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    clues: HashMap<Address, Clues>,
    lists: Vec<Vec<Address>>,
}

impl Candidates {
    pub(super) fn start_list(&mut self) {
        self.lists.push(Vec::new());
    }

    pub(super) fn clues_of(&mut self, vault: Address) -> &mut Clues {
        if let Some(list) = self.lists.last_mut() {
            list.push(vault);
        }
        self.clues.entry(vault).or_default()
    }

    /// At most `limit` vaults: the first of each list, then the second of each, and so on. Registries list the
    /// oldest first, so strangers who fill one list later push nobody out of it, nor out of the others.
    pub(super) fn choose(mut self, limit: usize) -> Vec<(Address, Clues)> {
        let longest = self.lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turns =
            (0..longest).flat_map(|place| self.lists.iter().filter_map(move |list| list.get(place)));
        let mut chosen = Vec::new();
        for vault in in_turns {
            if chosen.len() == limit {
                break;
            }
            chosen.extend(self.clues.remove(vault).map(|clues| (*vault, clues)));
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

    fn candidates(lists: &[&[u64]]) -> Candidates {
        let mut candidates = Candidates::default();
        for list in lists {
            candidates.start_list();
            for &number in *list {
                candidates.clues_of(vault(number)).consolidation = true;
            }
        }
        candidates
    }

    fn chosen(lists: &[&[u64]], limit: usize) -> Vec<Address> {
        candidates(lists).choose(limit).into_iter().map(|(vault, _)| vault).collect()
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

    /// Registries append, so vaults of strangers stand behind those that were there before.
    #[test]
    fn appended_strangers_keep_the_vaults_and_their_order_within_the_limit() {
        let before = chosen(&[&[1, 2, 3], &[], &[4, 1]], 16);
        let after = chosen(&[&[1, 2, 3, 90, 91], &[92, 93, 94, 95], &[4, 1, 96], &[97]], 16);
        let kept: Vec<Address> = after.into_iter().filter(|vault| before.contains(vault)).collect();
        assert_eq!(kept, before);
    }

    #[test]
    fn checks_for_one_vault_are_bounded() {
        let mut clues = Clues::default();
        for number in 0..1000 {
            clues.look_at_rows(vault(0), 1, 1000);
            clues.add_token(vault(0), U256::from(number), B256::ZERO);
            clues.add_contract(vault(number), B256::ZERO);
        }
        assert_eq!(clues.rows, [(vault(0), 1, ROWS)]);
        assert_eq!((clues.tokens.len(), clues.contracts.len()), (CHECKS, CHECKS));
        clues.add_token(vault(0), U256::ZERO, B256::ZERO);
        assert_eq!(clues.tokens.len(), CHECKS);
    }
}
