//! Delegation lists of the registries. Third parties can append to them, so these calls may fail.

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

use super::access_rules::{AccessRules, CallResults};
use super::claims::{self, Claim, DelegationRow};
use super::delegation_hints::VaultCandidates;

/// Maximum rows used of one list.
const MAX_LIST_ROWS: usize = 4096;

/// Returns the calls for the lists of `wallet`. The lists that are cheapest to bloat come last.
pub(super) fn list_calls(rules: &AccessRules, wallet: Address) -> Vec<Call> {
    let mut calls = Vec::new();
    if let Some(registry) = rules.config.nft_delegation {
        for &collection in &rules.scopes {
            for &case in rules.config.use_cases.iter().chain([&USE_CASE_CONSOLIDATION]) {
                let received = ReceivedCall { delegate: wallet, collection, useCase: U256::from(case) };
                calls.push(Call::new(registry, &received));
            }
            let given =
                GivenCall { delegator: wallet, collection, useCase: U256::from(USE_CASE_CONSOLIDATION) };
            calls.push(Call::new(registry, &given));
        }
    }
    if let Some(registry) = rules.config.delegate_registry {
        calls.push(Call::new(registry, &getIncomingDelegationsCall { to: wallet }));
    }
    calls
}

/// Returns the listed vaults, and whether all lists could be read.
pub(super) fn decode_lists(
    rules: &AccessRules,
    wallet: Address,
    results: &mut CallResults<'_>,
    now: u64,
) -> (VaultCandidates, bool) {
    let mut candidates = VaultCandidates::default();
    let mut complete = true;
    let mut note = |rows: Option<Vec<_>>| {
        complete &= rows.is_some();
        rows.unwrap_or_default()
    };
    if rules.config.nft_delegation.is_some() {
        let mut received = Vec::new();
        let mut given = Vec::new();
        for &scope in &rules.scopes {
            for &case in &rules.config.use_cases {
                candidates.start_list();
                let rows = note(results.next().and_then(decode_received));
                // `pair_checks` reads the rows of a pair from the first one on, so expired rows count as well.
                let mut of_vault = HashMap::<_, usize>::new();
                for row in &rows {
                    *of_vault.entry(row.counterparty).or_default() += 1;
                }
                for row in
                    rows.iter().filter(|row| row.is_active(now) && can_be_vault(row.counterparty, wallet))
                {
                    let count = of_vault.get(&row.counterparty).copied().unwrap_or(1);
                    candidates.hints_for(row.counterparty).add_rows(scope, case, count);
                }
            }
            received
                .extend(note(results.next().and_then(decode_received)).into_iter().map(|row| (scope, row)));
            given.extend(note(results.next().and_then(decode_given)).into_iter().map(|row| (scope, row)));
        }
        // Only a vault that the wallet registered itself is a candidate: a one-sided row costs its maker more than the
        // gate.
        candidates.start_list();
        given.retain(|(_, row)| row.is_active(now) && can_be_vault(row.counterparty, wallet));
        for (_, row) in given {
            if received
                .iter()
                .any(|(_, other)| other.counterparty == row.counterparty && other.is_active(now))
            {
                candidates.hints_for(row.counterparty).consolidation = true;
            }
        }
    }
    if rules.config.delegate_registry.is_some() {
        candidates.start_list();
        let rows = results.next().and_then(CallResult::optional::<getIncomingDelegationsCall>);
        complete &= rows.is_some();
        for row in rows.unwrap_or_default().iter().take(MAX_LIST_ROWS) {
            add_incoming(rules, wallet, row, &mut candidates);
        }
    }
    (candidates, complete)
}

fn add_incoming(rules: &AccessRules, wallet: Address, row: &Delegation, candidates: &mut VaultCandidates) {
    if row.to != wallet || !can_be_vault(row.from, wallet) {
        return;
    }
    let Some(claim) = claims::delegate_xyz_claim(rules, row) else { return };
    let hints = candidates.hints_for(row.from);
    match (claim.contract, claim.token) {
        (Some(contract), Some(id)) => hints.add_token(contract, id, row.rights),
        (Some(contract), None) => hints.add_contract(contract, row.rights),
        (None, _) => rules.contracts.iter().for_each(|&contract| hints.add_contract(contract, row.rights)),
    }
}

/// Returns the call for all delegate.xyz delegations of `vault`. Only the vault can lengthen this list.
pub(super) fn outgoing_call(rules: &AccessRules, vault: Address) -> Option<Call> {
    let registry = rules.config.delegate_registry?;
    Some(Call::new(registry, &getOutgoingDelegationsCall { from: vault }))
}

/// Decodes the claims for `wallet` from it.
pub(super) fn decode_outgoing(
    rules: &AccessRules,
    wallet: Address,
    vault: Address,
    result: &CallResult,
) -> Option<Vec<Claim>> {
    let rows = result.optional::<getOutgoingDelegationsCall>()?;
    let ours = rows.iter().filter(|row| row.to == wallet && row.from == vault);
    Some(ours.filter_map(|row| claims::delegate_xyz_claim(rules, row)).collect())
}

/// Whether `vault` can be a vault of `wallet`: the zero address pads lists, and self-delegation is meaningless.
pub(super) fn can_be_vault(vault: Address, wallet: Address) -> bool {
    !vault.is_zero() && vault != wallet
}

fn decode_received(result: &CallResult) -> Option<Vec<DelegationRow>> {
    let list = result.optional::<ReceivedCall>()?;
    rows(&list.delegators, &list.expiries, &list.allTokens, &list.tokenIds)
}

fn decode_given(result: &CallResult) -> Option<Vec<DelegationRow>> {
    let list = result.optional::<GivenCall>()?;
    rows(&list.delegates, &list.expiries, &list.allTokens, &list.tokenIds)
}

fn rows(
    others: &[Address],
    expiries: &[U256],
    all_tokens: &[bool],
    tokens: &[U256],
) -> Option<Vec<DelegationRow>> {
    if [expiries.len(), all_tokens.len(), tokens.len()] != [others.len(); 3] {
        return None;
    }
    let columns = others.iter().zip(expiries).zip(all_tokens).zip(tokens).take(MAX_LIST_ROWS);
    let row = |(((&other, &expiry), &all_tokens), &token)| DelegationRow {
        counterparty: other,
        expiry,
        all_tokens,
        token,
    };
    Some(columns.map(row).collect())
}
