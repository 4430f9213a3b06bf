use std::sync::Arc;

use alloy::primitives::Address;
use proptest::prelude::*;
use sentinel_proto::address::AccountAddress;

use super::*;
use crate::access::{EntitlementQuery, Tier, Via};
use crate::admission::basis_choice::allowed_bases;
use crate::config::{self, SessionRule, TierSection};
use crate::store::BindingKey;

const DENIED: Address = Address::repeat_byte(0xdd);
const WALLET: Address = Address::repeat_byte(1);
const NOW: i64 = 1_000;

fn policy() -> AdmissionPolicy {
    AdmissionPolicy::from(&config::PolicySection {
        free: TierSection {
            sessions: vec![SessionRule::Direct, SessionRule::Plan(1)],
            devices: 3,
            ..TierSection::default()
        },
        paid: TierSection { sessions: vec![SessionRule::Plan(2)], devices: 1, ..TierSection::default() },
        deny_wallets: vec![DENIED],
        ..config::PolicySection::default()
    })
}

fn basis(tier: Tier, vault: Option<Address>) -> Basis {
    let via = if vault.is_some() { Via::Delegation } else { Via::Own };
    Basis { tier, via, vault, collection: Address::ZERO, cards: Vec::new(), block: 7, expires_at: None }
}

fn found(bases: &[Basis]) -> Arc<Entitlement> {
    Arc::new(Entitlement {
        wallet: WALLET,
        bases: bases.to_vec(),
        examined: Vec::new(),
        block: 7,
        delegations_unread: false,
        is_partial: false,
    })
}

fn inquiry(wallet: Address, link: AccountLink) -> Inquiry {
    Inquiry {
        candidate: Candidate { wallet, vault_hint: None, link },
        question: EntitlementQuery::Listed { wallet },
    }
}

fn binding() -> AccountLink {
    AccountLink::Binding(BindingKey { account: AccountAddress::new([1; 20]), wallet: WALLET })
}

fn refused(findings: &[(AccountLink, Finding)], session: SessionFinding) -> Refusal {
    let other = |number: usize| Address::repeat_byte(u8::try_from(number).unwrap() + 1);
    let findings: Vec<_> = findings
        .iter()
        .enumerate()
        .map(|(number, (by, found))| (inquiry(other(number), *by), found.clone()))
        .collect();
    assert_eq!(allowed_bases(&policy(), &findings, session, NOW).count(), 0, "a basis allows the session");
    let unbound = Refusal::Unbound { account: "sent1".into(), sign_in: "https://gate.example/gate/".into() };
    nearest_refusal(&policy(), &findings, session, &unbound)
}

const DIRECT: SessionFinding = SessionFinding::Kind(SessionKind::Direct);

fn allows(basis: Basis, session: SessionFinding) -> bool {
    let findings = [(inquiry(WALLET, binding()), Some(found(&[basis])))];
    allowed_bases(&policy(), &findings, session, NOW).count() == 1
}

#[test]
fn tier_allows_only_its_session_kinds() {
    let may = |tier, session| allows(basis(tier, None), session);
    assert!(may(Tier::Free, DIRECT));
    assert!(may(Tier::Free, SessionFinding::Kind(SessionKind::Plan(1))));
    assert!(!may(Tier::Free, SessionFinding::Kind(SessionKind::Plan(2))));
    assert!(may(Tier::Paid, SessionFinding::Kind(SessionKind::Plan(2))));
    assert!(!may(Tier::Paid, SessionFinding::Kind(SessionKind::Plan(1))));
    assert!(!may(Tier::Paid, DIRECT));
    assert!(!allows(basis(Tier::Free, Some(DENIED)), DIRECT));
    assert!(!allows(Basis { expires_at: Some(1_000), ..basis(Tier::Free, None) }, DIRECT), "it has ended");
}

#[test]
fn reports_refusal_nearest_to_entry() {
    let own = AccountLink::OwnKey;
    let code = |findings: &[(AccountLink, Finding)]| refused(findings, DIRECT).code();
    assert_eq!(code(&[(own, Some(found(&[])))]), 103);
    assert_eq!(code(&[(binding(), Some(found(&[])))]), 105);
    assert_eq!(code(&[(binding(), Some(found(&[basis(Tier::Paid, None)])))]), 106);
    assert_eq!(code(&[(binding(), Some(found(&[basis(Tier::Free, Some(DENIED))])))]), 109);
    assert_eq!(refused(&[(binding(), None)], DIRECT), Refusal::EthereumUnavailable);
    // The refusal nearest to entry wins in any order; Ethereum is not blamed for an inquiry that ran out of time.
    let mixed = [(binding(), Some(found(&[]))), (own, None)];
    assert_eq!(refused(&mixed, DIRECT), Refusal::Unfinished { checked: 1, all: 2 });
    assert_eq!(code(&[(binding(), None), (binding(), Some(found(&[basis(Tier::Paid, None)])))]), 106);
}

fn any_basis() -> impl Strategy<Value = Basis> {
    let tier = prop_oneof![Just(Tier::Free), Just(Tier::Paid)];
    let vault = prop::option::of(prop_oneof![Just(DENIED), (1..9_u8).prop_map(Address::repeat_byte)]);
    (tier, vault, prop::option::of(0..2_000_u64))
        .prop_map(|(tier, vault, until)| Basis { expires_at: until, ..basis(tier, vault) })
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop::option::of(prop::collection::vec(any_basis(), 0..4))
        .prop_map(|bases| bases.map(|bases| found(&bases)))
}

fn any_session() -> impl Strategy<Value = SessionFinding> {
    prop_oneof![
        Just(DIRECT),
        (0..4_u64).prop_map(|plan| SessionFinding::Kind(SessionKind::Plan(plan))),
        Just(SessionFinding::Missing),
        Just(SessionFinding::Foreign),
        Just(SessionFinding::Unavailable),
    ]
}

fn any_findings() -> impl Strategy<Value = Vec<(Inquiry, Finding)>> {
    let one = (1..9_u8, any_finding())
        .prop_map(|(wallet, found)| (inquiry(Address::repeat_byte(wallet), binding()), found));
    prop::collection::vec(one, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A chosen basis is one that was found, is not denied, has not ended and allows the session.
    #[test]
    fn allowed_bases_are_found_and_permitted(findings in any_findings(), session in any_session()) {
        let policy = policy();
        for (candidate, basis) in allowed_bases(&policy, &findings, session, NOW) {
            let found = findings.iter().filter(|(inquiry, _)| inquiry.candidate == *candidate);
            prop_assert!(found.filter_map(|(_, found)| found.as_deref()).any(|found| found.bases.contains(basis)));
            prop_assert!(!policy.denies(candidate.wallet, basis.vault));
            prop_assert!(basis.expires_at.is_none_or(|until| until > 1_000));
            if let SessionFinding::Kind(kind) = session {
                prop_assert!(policy.allows(basis.tier, kind));
            }
        }
    }

    /// Findings of strangers, at any position, remove none of the owner's allowed bases and keep their order.
    #[test]
    fn findings_of_strangers_only_add_bases(
        mine in any_findings(),
        theirs in any_findings(),
        places in prop::collection::vec(0..20_usize, 5),
        gifts in prop::collection::vec((0..5_usize, any_basis(), 0..5_usize), 0..4),
        session in any_session(),
    ) {
        let policy = policy();
        let mut together = mine.clone();
        for (at, basis, place) in gifts {
            // A gift or a delegation to the owner's own wallet.
            if let Some((_, Some(found))) = together.get_mut(at) {
                let bases = &mut Arc::make_mut(found).bases;
                bases.insert(place.min(bases.len()), basis);
            }
        }
        for (their, place) in theirs.into_iter().zip(places) {
            together.insert(place.min(together.len()), their);
        }
        let alone: Vec<_> = allowed_bases(&policy, &mine, session, NOW).collect();
        let mut all = allowed_bases(&policy, &together, session, NOW);
        for choice in alone {
            prop_assert!(all.any(|other| other == choice), "{choice:?} is missing or out of order");
        }
    }
}
