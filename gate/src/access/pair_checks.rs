//! Checks of one wallet and one vault. Third parties cannot add to these rows, so the cost is bounded by the vault's
//! own registrations, of which a bounded number is read.

use alloy::primitives::{Address, U256};
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    checkDelegateForContractCall, checkDelegateForERC1155Call,
};
use sovereign_contracts::nft_delegation::INFTDelegation::globalDelegationHashesCall;
use sovereign_contracts::nft_delegation::{USE_CASE_CONSOLIDATION, pair_key};
use sovereign_contracts::reader::{Call, CallResult};

use super::Via;
use super::access_rules::{AccessRules, CallResults};
use super::claims::{self, Claim, DelegationRow, NEVER_EXPIRES};
use super::delegation_hints::DelegationHints;

/// Maximum rows read of a consolidation, for each direction and scope.
const MAX_CONSOLIDATION_ROWS: usize = 4;

/// Returns the calls that verify `hints`.
pub(super) fn check_calls(
    rules: &AccessRules,
    wallet: Address,
    vault: Address,
    hints: &DelegationHints,
) -> Vec<Call> {
    let mut calls = Vec::new();
    if let Some(registry) = rules.config.nft_delegation {
        let mut rows = |from, scope, to, case, count: usize| {
            let pair = pair_key(from, scope, to, case);
            let row = |index| globalDelegationHashesCall { pair, index: U256::from(index) };
            calls.extend((0..count).map(|index| Call::new(registry, &row(index))));
        };
        for &(scope, case, count) in &hints.rows {
            rows(vault, scope, wallet, case, count);
        }
        for &scope in rules.scopes.iter().filter(|_| hints.consolidation) {
            rows(vault, scope, wallet, USE_CASE_CONSOLIDATION, MAX_CONSOLIDATION_ROWS);
            rows(wallet, scope, vault, USE_CASE_CONSOLIDATION, MAX_CONSOLIDATION_ROWS);
        }
    }
    if let Some(registry) = rules.config.delegate_registry {
        calls.extend(hints.contracts.iter().map(|&(contract_, rights)| {
            Call::new(registry, &checkDelegateForContractCall { to: wallet, from: vault, contract_, rights })
        }));
        calls.extend(hints.tokens.iter().map(|&(contract_, id, rights)| {
            let (to, from) = (wallet, vault);
            Call::new(registry, &checkDelegateForERC1155Call { to, from, contract_, tokenId: id, rights })
        }));
    }
    calls
}

/// Decodes the claims that are valid at `now`. A failed call proves nothing.
pub(super) fn decode_claims(
    rules: &AccessRules,
    wallet: Address,
    vault: Address,
    hints: &DelegationHints,
    results: &mut CallResults<'_>,
    now: u64,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    if rules.config.nft_delegation.is_some() {
        for &(scope, _, count) in &hints.rows {
            let rows = rows(results, count, vault, wallet);
            claims.extend(rows.iter().filter_map(|row| claims::delegation_claim(scope, row, now)));
        }
        let (mut received, mut given) = (Vec::new(), Vec::new());
        for &scope in rules.scopes.iter().filter(|_| hints.consolidation) {
            let mut side = |from, to| {
                rows(results, MAX_CONSOLIDATION_ROWS, from, to).into_iter().map(move |row| (scope, row))
            };
            received.extend(side(vault, wallet));
            given.extend(side(wallet, vault));
        }
        claims.extend(claims::consolidation_claim(rules, &received, &given, now));
    }
    if rules.config.delegate_registry.is_some() {
        for &(contract, _) in &hints.contracts {
            let allowed = results.next().and_then(CallResult::optional::<checkDelegateForContractCall>);
            let claim =
                Claim { via: Via::DelegateXyz, contract: Some(contract), token: None, until: NEVER_EXPIRES };
            claims.extend(allowed.unwrap_or(false).then_some(claim));
        }
        for &(contract, id, _) in &hints.tokens {
            let amount = results.next().and_then(CallResult::optional::<checkDelegateForERC1155Call>);
            let claim = Claim {
                via: Via::DelegateXyz,
                contract: Some(contract),
                token: Some(id),
                until: NEVER_EXPIRES,
            };
            claims.extend(amount.is_some_and(|amount| !amount.is_zero()).then_some(claim));
        }
    }
    claims
}

/// Decodes the rows that `from` registered for `to`. The contract reverts beyond the last one.
fn rows(results: &mut CallResults<'_>, count: usize, from: Address, to: Address) -> Vec<DelegationRow> {
    let row = |result: &CallResult| {
        let row = result.optional::<globalDelegationHashesCall>()?;
        let ours = row.delegatorAddress == from && row.delegationAddress == to;
        ours.then_some(DelegationRow {
            counterparty: to,
            expiry: row.expiryDate,
            all_tokens: row.allTokens,
            token: row.tokens,
        })
    };
    (0..count).filter_map(|_| results.next().and_then(row)).collect()
}
