//! What the registries say about one wallet and one vault. Strangers have no part in these rows, so the cost is
//! bounded by what the vault itself registered, of which a bounded part is looked at.

use alloy::primitives::{Address, U256};
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    checkDelegateForContractCall, checkDelegateForERC1155Call,
};
use sovereign_contracts::nft_delegation::INFTDelegation::globalDelegationHashesCall;
use sovereign_contracts::nft_delegation::{USE_CASE_CONSOLIDATION, pair_key};
use sovereign_contracts::reader::{Call, CallResult};

use super::Via;
use super::claims::{self, Claim, ENDLESS, Row};
use super::clues::Clues;
use super::world::{Results, World};

/// Rows of a consolidation that are looked at, each way and scope.
const CONSOLIDATION_ROWS: usize = 4;

/// Calls that check `clues`.
pub(super) fn calls(world: &World, wallet: Address, vault: Address, clues: &Clues) -> Vec<Call> {
    let mut calls = Vec::new();
    if let Some(registry) = world.config.nft_delegation {
        let mut rows = |from, scope, to, case, count: usize| {
            let pair = pair_key(from, scope, to, case);
            let row = |index| globalDelegationHashesCall { pair, index: U256::from(index) };
            calls.extend((0..count).map(|index| Call::new(registry, &row(index))));
        };
        for &(scope, case, count) in &clues.rows {
            rows(vault, scope, wallet, case, count);
        }
        for &scope in world.scopes.iter().filter(|_| clues.consolidation) {
            rows(vault, scope, wallet, USE_CASE_CONSOLIDATION, CONSOLIDATION_ROWS);
            rows(wallet, scope, vault, USE_CASE_CONSOLIDATION, CONSOLIDATION_ROWS);
        }
    }
    if let Some(registry) = world.config.delegate_registry {
        calls.extend(clues.contracts.iter().map(|&(contract_, rights)| {
            Call::new(registry, &checkDelegateForContractCall { to: wallet, from: vault, contract_, rights })
        }));
        calls.extend(clues.tokens.iter().map(|&(contract_, id, rights)| {
            let (to, from) = (wallet, vault);
            Call::new(registry, &checkDelegateForERC1155Call { to, from, contract_, tokenId: id, rights })
        }));
    }
    calls
}

/// What they said, at time `now`. A call that fails says nothing.
pub(super) fn read(
    world: &World,
    wallet: Address,
    vault: Address,
    clues: &Clues,
    results: &mut Results<'_>,
    now: u64,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    if world.config.nft_delegation.is_some() {
        for &(scope, _, count) in &clues.rows {
            let rows = rows(results, count, vault, wallet);
            claims.extend(rows.iter().filter_map(|row| claims::delegation(scope, row, now)));
        }
        let (mut received, mut given) = (Vec::new(), Vec::new());
        for &scope in world.scopes.iter().filter(|_| clues.consolidation) {
            let mut side = |from, to| {
                rows(results, CONSOLIDATION_ROWS, from, to).into_iter().map(move |row| (scope, row))
            };
            received.extend(side(vault, wallet));
            given.extend(side(wallet, vault));
        }
        claims.extend(claims::consolidation(world, &received, &given, now));
    }
    if world.config.delegate_registry.is_some() {
        for &(contract, _) in &clues.contracts {
            let allowed = results.next().and_then(CallResult::optional::<checkDelegateForContractCall>);
            let claim =
                Claim { via: Via::DelegateXyz, contract: Some(contract), token: None, until: ENDLESS };
            claims.extend(allowed.unwrap_or(false).then_some(claim));
        }
        for &(contract, id, _) in &clues.tokens {
            let amount = results.next().and_then(CallResult::optional::<checkDelegateForERC1155Call>);
            let claim =
                Claim { via: Via::DelegateXyz, contract: Some(contract), token: Some(id), until: ENDLESS };
            claims.extend(amount.is_some_and(|amount| !amount.is_zero()).then_some(claim));
        }
    }
    claims
}

/// The rows that `from` registered for `to`. Beyond the last one the contract reverts.
fn rows(results: &mut Results<'_>, count: usize, from: Address, to: Address) -> Vec<Row> {
    let row = |result: &CallResult| {
        let row = result.optional::<globalDelegationHashesCall>()?;
        let ours = row.delegatorAddress == from && row.delegationAddress == to;
        ours.then_some(Row {
            other: to,
            expiry: row.expiryDate,
            all_tokens: row.allTokens,
            token: row.tokens,
        })
    };
    (0..count).filter_map(|_| results.next().and_then(row)).collect()
}
