//! Rows of the registries that are claims.

use alloy::primitives::B256;
use sovereign_contracts::delegate_registry::IDelegateRegistry::Delegation;

use super::*;
use crate::access::{AccessConfig, Collection, Standard, Tier};

const MEMES: Address = Address::repeat_byte(0x33);
const GALLERY: Address = Address::repeat_byte(0x44);
const VAULT: Address = Address::repeat_byte(0x55);
const NOW: u64 = 1_000;

fn rules() -> AccessRules {
    AccessRules::new(AccessConfig {
        memes: MEMES,
        collections: vec![Collection { contract: GALLERY, standard: Standard::Erc721, tier: Tier::Paid }],
        rights: vec![B256::repeat_byte(7)],
        ..AccessConfig::default()
    })
}

fn row(expiry: u64) -> DelegationRow {
    DelegationRow { counterparty: VAULT, expiry: U256::from(expiry), all_tokens: true, token: U256::ZERO }
}

#[test]
fn delegation_expires_at_the_second_of_its_expiry() {
    let claim = Claim { via: Via::Delegation, contract: Some(MEMES), token: None, until: NOW + 1 };
    assert_eq!(delegation_claim(MEMES, &row(NOW + 1), NOW), Some(claim));
    assert_eq!(delegation_claim(MEMES, &row(NOW), NOW), None);
    assert_eq!(delegation_claim(MEMES, &row(0), NOW), None);
    let endless = DelegationRow { expiry: U256::MAX, ..row(0) };
    assert_eq!(delegation_claim(ALL_COLLECTIONS, &endless, NOW).map(|claim| claim.contract), Some(None));
}

#[test]
fn row_for_one_token_claims_only_that_token() {
    let limited = DelegationRow { all_tokens: false, token: U256::from(5), ..row(NOW + 1) };
    assert_eq!(delegation_claim(MEMES, &limited, NOW).and_then(|claim| claim.token), Some(U256::from(5)));
    let all = DelegationRow { all_tokens: true, ..limited };
    assert_eq!(delegation_claim(MEMES, &all, NOW).and_then(|claim| claim.token), None);
}

fn consolidated(
    received: &[(Address, DelegationRow)],
    given: &[(Address, DelegationRow)],
) -> Vec<Option<Address>> {
    consolidation_claim(&rules(), received, given, NOW).into_iter().map(|claim| claim.contract).collect()
}

#[test]
fn consolidation_requires_rows_of_both_sides() {
    let both = [(MEMES, row(NOW + 1))];
    assert_eq!(consolidated(&both, &both), [Some(MEMES)]);
    assert!(consolidated(&both, &[]).is_empty(), "the vault alone");
    assert!(consolidated(&[], &both).is_empty(), "the wallet alone");
    assert!(consolidated(&both, &[(MEMES, row(NOW))]).is_empty(), "the wallet's side has expired");
    assert!(consolidated(&[(MEMES, row(NOW))], &both).is_empty(), "the vault's side has expired");
}

#[test]
fn consolidation_matches_one_collection_with_all_collections() {
    let (memes, all) = ([(MEMES, row(NOW + 1))], [(ALL_COLLECTIONS, row(NOW + 1))]);
    assert_eq!(consolidated(&all, &all), [Some(MEMES), Some(GALLERY)]);
    assert_eq!(consolidated(&memes, &all), [Some(MEMES)]);
    assert_eq!(consolidated(&all, &memes), [Some(MEMES)], "the wallet named one collection only");
    assert!(consolidated(&memes, &[(GALLERY, row(NOW + 1))]).is_empty(), "two different collections");
}

fn registered(kind: u8) -> Delegation {
    Delegation {
        kind,
        to: Address::ZERO,
        from: VAULT,
        rights: B256::ZERO,
        contract_: MEMES,
        tokenId: U256::from(5),
        amount: U256::from(1),
    }
}

#[test]
fn accepts_only_known_kinds_of_delegate_xyz() {
    let claimed =
        |row: &Delegation| delegate_xyz_claim(&rules(), row).map(|claim| (claim.contract, claim.token));
    assert_eq!(claimed(&registered(1)), Some((None, None)));
    assert_eq!(claimed(&registered(2)), Some((Some(MEMES), None)));
    assert_eq!(claimed(&registered(5)), Some((Some(MEMES), Some(U256::from(5)))));
    for kind in [0, 3, 4, 6, 255] {
        assert_eq!(claimed(&registered(kind)), None, "kind {kind}");
    }
    assert_eq!(claimed(&Delegation { contract_: VAULT, ..registered(2) }), None, "another contract");
    assert_eq!(claimed(&Delegation { contract_: VAULT, ..registered(5) }), None, "another contract's token");
    assert_eq!(claimed(&Delegation { amount: U256::ZERO, ..registered(5) }), None, "none of the token");
}

#[test]
fn accepts_full_delegations_and_configured_rights_of_delegate_xyz() {
    let with = |rights| delegate_xyz_claim(&rules(), &Delegation { rights, ..registered(1) });
    assert!(with(B256::ZERO).is_some(), "a full delegation");
    assert!(with(B256::repeat_byte(7)).is_some(), "an accepted right");
    assert!(with(B256::repeat_byte(8)).is_none(), "another right");
}
