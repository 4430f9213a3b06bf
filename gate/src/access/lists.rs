//! The registries' lists of those who delegated to a wallet. Anybody may append to them, so these calls may fail.

use std::collections::HashMap;

use alloy::primitives::{Address, U256};
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    Delegation, getIncomingDelegationsCall, getOutgoingDelegationsCall,
};
use sovereign_contracts::nft_delegation::INFTDelegation::{
    retrieveDelegationAddressesTokensIDsandExpiredDatesCall as GivenCall,
    retrieveDelegatorsTokensIDsandExpiredDatesCall as ReceivedCall,
};
use sovereign_contracts::nft_delegation::USE_CASE_CONSOLIDATION;
use sovereign_contracts::reader::{Call, CallResult};

use super::claims::{self, Claim, Row};
use super::clues::Candidates;
use super::world::{Results, World};

/// Rows of one list that are looked at.
const ROWS: usize = 4096;

/// Calls for the lists of `wallet`. The ones that cost strangers least to fill come last.
pub(super) fn calls(world: &World, wallet: Address) -> Vec<Call> {
    let mut calls = Vec::new();
    if let Some(registry) = world.config.nft_delegation {
        for &collection in &world.scopes {
            for &case in world.config.use_cases.iter().chain([&USE_CASE_CONSOLIDATION]) {
                let received = ReceivedCall { delegate: wallet, collection, useCase: U256::from(case) };
                calls.push(Call::new(registry, &received));
            }
            let given =
                GivenCall { delegator: wallet, collection, useCase: U256::from(USE_CASE_CONSOLIDATION) };
            calls.push(Call::new(registry, &given));
        }
    }
    if let Some(registry) = world.config.delegate_registry {
        calls.push(Call::new(registry, &getIncomingDelegationsCall { to: wallet }));
    }
    calls
}

/// The vaults that the lists name, and whether all lists could be read.
pub(super) fn read(
    world: &World,
    wallet: Address,
    results: &mut Results<'_>,
    now: u64,
) -> (Candidates, bool) {
    let mut candidates = Candidates::default();
    let mut complete = true;
    let mut note = |rows: Option<Vec<_>>| {
        complete &= rows.is_some();
        rows.unwrap_or_default()
    };
    if world.config.nft_delegation.is_some() {
        let mut received = Vec::new();
        let mut given = Vec::new();
        for &scope in &world.scopes {
            for &case in &world.config.use_cases {
                candidates.start_list();
                let rows = note(results.next().and_then(self::received));
                // The pair's own rows are looked at from the first one on, so those that have expired count too.
                let mut of_vault = HashMap::<_, usize>::new();
                for row in &rows {
                    *of_vault.entry(row.other).or_default() += 1;
                }
                for row in rows.iter().filter(|row| row.is_active(now) && is_vault(row.other, wallet)) {
                    let count = of_vault.get(&row.other).copied().unwrap_or(1);
                    candidates.clues_of(row.other).look_at_rows(scope, case, count);
                }
            }
            received
                .extend(note(results.next().and_then(self::received)).into_iter().map(|row| (scope, row)));
            given.extend(note(results.next().and_then(self::given)).into_iter().map(|row| (scope, row)));
        }
        // Whom the wallet did not name itself is no candidate: a one-sided row costs its maker more than us.
        candidates.start_list();
        given.retain(|(_, row)| row.is_active(now) && is_vault(row.other, wallet));
        for (_, row) in given {
            if received.iter().any(|(_, other)| other.other == row.other && other.is_active(now)) {
                candidates.clues_of(row.other).consolidation = true;
            }
        }
    }
    if world.config.delegate_registry.is_some() {
        candidates.start_list();
        let rows = results.next().and_then(CallResult::optional::<getIncomingDelegationsCall>);
        complete &= rows.is_some();
        for row in rows.unwrap_or_default().iter().take(ROWS) {
            add_incoming(world, wallet, row, &mut candidates);
        }
    }
    (candidates, complete)
}

fn add_incoming(world: &World, wallet: Address, row: &Delegation, candidates: &mut Candidates) {
    if row.to != wallet || !is_vault(row.from, wallet) {
        return;
    }
    let Some(claim) = claims::delegate_xyz(world, row) else { return };
    let clues = candidates.clues_of(row.from);
    match (claim.contract, claim.token) {
        (Some(contract), Some(id)) => clues.add_token(contract, id, row.rights),
        (Some(contract), None) => clues.add_contract(contract, row.rights),
        (None, _) => world.contracts.iter().for_each(|&contract| clues.add_contract(contract, row.rights)),
    }
}

/// Everything that `vault` gave at delegate.xyz. Only the vault makes this list longer.
pub(super) fn outgoing_call(world: &World, vault: Address) -> Option<Call> {
    let registry = world.config.delegate_registry?;
    Some(Call::new(registry, &getOutgoingDelegationsCall { from: vault }))
}

/// What of it concerns `wallet`.
pub(super) fn read_outgoing(
    world: &World,
    wallet: Address,
    vault: Address,
    result: &CallResult,
) -> Option<Vec<Claim>> {
    let rows = result.optional::<getOutgoingDelegationsCall>()?;
    let ours = rows.iter().filter(|row| row.to == wallet && row.from == vault);
    Some(ours.filter_map(|row| claims::delegate_xyz(world, row)).collect())
}

/// The zero address pads lists, and nobody delegates to himself.
pub(super) fn is_vault(vault: Address, wallet: Address) -> bool {
    !vault.is_zero() && vault != wallet
}

fn received(result: &CallResult) -> Option<Vec<Row>> {
    let list = result.optional::<ReceivedCall>()?;
    rows(&list.delegators, &list.expiries, &list.allTokens, &list.tokenIds)
}

fn given(result: &CallResult) -> Option<Vec<Row>> {
    let list = result.optional::<GivenCall>()?;
    rows(&list.delegates, &list.expiries, &list.allTokens, &list.tokenIds)
}

fn rows(others: &[Address], expiries: &[U256], all_tokens: &[bool], tokens: &[U256]) -> Option<Vec<Row>> {
    if [expiries.len(), all_tokens.len(), tokens.len()] != [others.len(); 3] {
        return None;
    }
    let columns = others.iter().zip(expiries).zip(all_tokens).zip(tokens).take(ROWS);
    let row = |(((&other, &expiry), &all_tokens), &token)| Row { other, expiry, all_tokens, token };
    Some(columns.map(row).collect())
}
