#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const MEMES: Address = Address::repeat_byte(1);
const GALLERY: Address = Address::repeat_byte(2);

fn contracts() -> GovernanceContracts {
    GovernanceContracts { parameters: Address::repeat_byte(9), access_policy: None, memes: MEMES }
}

/// Policy of a new registry.
fn policy() -> IParameterRegistry::GatePolicy {
    IParameterRegistry::GatePolicy {
        paused: false,
        pausedUntil: 0,
        nodeBlacklisted: false,
        credentialTtl: 24 * 3600,
        freeDevices: 3,
        paidDevices: 3,
        freeBandwidth: U256::ZERO,
        paidBandwidth: U256::ZERO,
        minScore: U256::from(100),
        memes: MEMES,
        thisCard: U256::ZERO,
        collections: Vec::new(),
        revision: 4,
    }
}

fn gallery() -> IAccessPolicy::Collection {
    IAccessPolicy::Collection { token: GALLERY, standard: 0, tier: 1, ids: Vec::new() }
}

type Change = fn(&mut IParameterRegistry::GatePolicy);

#[test]
fn accepts_values_within_the_bounds() {
    let changes: [Change; 6] = [
        |_| {},
        |p| p.credentialTtl = 3600,
        |p| p.credentialTtl = 7 * 24 * 3600,
        |p| (p.freeDevices, p.paidDevices) = (1, 10),
        |p| p.collections = vec![gallery(); 16],
        |p| {
            let ids = (0..64).map(U256::from).collect();
            p.collections = vec![IAccessPolicy::Collection { standard: 1, tier: 2, ids, ..gallery() }];
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut policy = policy();
        change(&mut policy);
        assert!(contracts().check(policy, None).is_ok(), "{number}");
    }
}

#[test]
fn rejects_values_outside_the_bounds() {
    let changes: [(&str, Change); 14] = [
        ("collection of cards", |p| p.memes = GALLERY),
        ("CREDENTIAL_TTL", |p| p.credentialTtl = 3599),
        ("CREDENTIAL_TTL", |p| p.credentialTtl = 7 * 24 * 3600 + 1),
        ("CREDENTIAL_TTL", |p| p.credentialTtl = u64::MAX),
        ("DEVICE_LIMIT_FREE", |p| p.freeDevices = 0),
        ("DEVICE_LIMIT_FREE", |p| p.freeDevices = 11),
        ("DEVICE_LIMIT_PAID", |p| p.paidDevices = 0),
        ("DEVICE_LIMIT_PAID", |p| p.paidDevices = u16::MAX),
        ("number of collections", |p| p.collections = vec![gallery(); 17]),
        ("a collection", |p| p.collections = vec![IAccessPolicy::Collection { tier: 0, ..gallery() }]),
        ("a collection", |p| p.collections = vec![IAccessPolicy::Collection { tier: 3, ..gallery() }]),
        ("a collection", |p| p.collections = vec![IAccessPolicy::Collection { standard: 1, ..gallery() }]),
        ("a collection", |p| p.collections = vec![IAccessPolicy::Collection { token: MEMES, ..gallery() }]),
        ("a collection", |p| {
            p.collections = vec![IAccessPolicy::Collection { ids: vec![U256::ONE], ..gallery() }];
        }),
    ];
    for (number, (part, change)) in changes.into_iter().enumerate() {
        let mut policy = policy();
        change(&mut policy);
        let error = contracts().check(policy, None).unwrap_err().to_string();
        assert!(error.contains(part), "{number}: {error}");
    }
}

#[test]
fn rejects_too_many_or_invalid_delegation_kinds() {
    let right = B256::repeat_byte(3);
    let good = parse_delegations(&[U256::from(1), U256::from(9)], vec![right]).unwrap();
    assert_eq!(good, AcceptedDelegations { use_cases: vec![1, 9], rights: vec![right] });
    for bad in [0, 998, 999] {
        assert!(parse_delegations(&[U256::from(bad)], Vec::new()).is_err(), "{bad}");
    }
    assert!(parse_delegations(&[U256::MAX], Vec::new()).is_err());
    assert!(parse_delegations(&[U256::ONE; 9], Vec::new()).is_err());
    assert!(parse_delegations(&[], vec![right; 9]).is_err());
}

#[test]
fn pause_ends_at_its_time() {
    let paused = IParameterRegistry::GatePolicy { paused: true, pausedUntil: 1_000, ..policy() };
    let governed = contracts().check(paused, None).unwrap();
    assert!(governed.is_paused(999) && !governed.is_paused(1_000));
    // The end of an earlier pause has no effect.
    let over = IParameterRegistry::GatePolicy { pausedUntil: 1_000, ..policy() };
    assert!(!contracts().check(over, None).unwrap().is_paused(999));
    let for_ever = IParameterRegistry::GatePolicy { paused: true, pausedUntil: u64::MAX, ..policy() };
    assert!(contracts().check(for_ever, None).unwrap().is_paused(UnixTime::MAX - 1));
}

#[test]
fn governed_cards_override_configured_cards() {
    let own = Collection { contract: GALLERY, standard: Standard::Erc721, tier: Tier::Free };
    let other = Collection { contract: Address::repeat_byte(7), ..own.clone() };
    let mut file = AccessConfig {
        memes: MEMES,
        this_card: U256::from(5),
        collections: vec![own, other.clone()],
        ..AccessConfig::default()
    };
    let mut said = policy();
    said.collections = vec![gallery()];
    let mut governed = contracts().check(said, None).unwrap();
    let before = file.use_cases.clone();
    governed.apply(&mut file);
    assert_eq!(file.this_card, U256::from(5), "not chosen on chain yet");
    assert_eq!(file.use_cases, before);
    let paid = Collection { contract: GALLERY, standard: Standard::Erc721, tier: Tier::Paid };
    assert_eq!(file.collections, [other, paid], "governance's word on a collection counts");

    governed.this_card = Some(U256::from(9));
    governed.delegations =
        Some(AcceptedDelegations { use_cases: vec![1], rights: vec![B256::repeat_byte(4)] });
    governed.apply(&mut file);
    assert_eq!((file.this_card, file.use_cases, file.rights.len()), (U256::from(9), vec![1], 1));
}
