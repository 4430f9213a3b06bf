use std::sync::Arc;

use alloy::primitives::Address;
use proptest::prelude::*;
use sentinel_proto::address::AccountAddress;

use super::*;
use crate::config::{self, SessionRule, TierPolicy};

const DENIED: Address = Address::repeat_byte(0xdd);

fn policy() -> Policy {
    Policy::from(&config::Policy {
        free: TierPolicy {
            sessions: vec![SessionRule::Direct, SessionRule::Plan(1)],
            devices: 3,
            ..TierPolicy::default()
        },
        paid: TierPolicy { sessions: vec![SessionRule::Plan(2)], devices: 1, ..TierPolicy::default() },
        deny_wallets: vec![DENIED],
        ..config::Policy::default()
    })
}

#[expect(clippy::unnecessary_wraps, reason = "a finding is what the tests talk about")]
fn finding(tier: Tier, vault: Option<Address>) -> Finding {
    let wallet = Address::repeat_byte(1);
    Some(Arc::new(Entitlement {
        tier,
        via: None,
        wallet,
        vault,
        cards: Vec::new(),
        more_cards: false,
        block: 7,
        until: None,
        delegations_unread: false,
    }))
}

fn candidate(by: By) -> Candidate {
    Candidate { wallet: Address::repeat_byte(1), vault_hint: None, by }
}

fn binding() -> By {
    By::Binding(BindingKey { account: AccountAddress::new([1; 20]), wallet: Address::repeat_byte(1) })
}

fn unbound() -> Refusal {
    Refusal::Unbound { account: "sent1".into(), sign_in: "https://gate.example/gate/".into() }
}

fn refused(findings: &[(By, Finding)], session: SessionFinding) -> u32 {
    let findings: Vec<_> = findings.iter().map(|(by, found)| (candidate(*by), found.clone())).collect();
    assert!(findings.iter().all(|(_, found)| !settles(&policy(), found, session)), "somebody may pass");
    nearest_refusal(&policy(), &findings, session, &unbound()).code()
}

const DIRECT: SessionFinding = SessionFinding::Kind(SessionKind::Direct);

#[test]
fn a_tier_uses_its_own_sessions_only() {
    let may = |tier, session| settles(&policy(), &finding(tier, None), session);
    assert!(may(Tier::Free, DIRECT));
    assert!(may(Tier::Free, SessionFinding::Kind(SessionKind::Plan(1))));
    assert!(!may(Tier::Free, SessionFinding::Kind(SessionKind::Plan(2))));
    assert!(may(Tier::Paid, SessionFinding::Kind(SessionKind::Plan(2))));
    assert!(!may(Tier::Paid, SessionFinding::Kind(SessionKind::Plan(1))));
    assert!(!may(Tier::Paid, DIRECT));
}

#[test]
fn each_refusal_has_its_reason() {
    let own = By::OwnKey;
    assert_eq!(refused(&[(own, finding(Tier::Denied, None))], DIRECT), 103);
    assert_eq!(refused(&[(binding(), finding(Tier::Denied, None))], DIRECT), 105);
    assert_eq!(refused(&[(binding(), finding(Tier::Paid, None))], DIRECT), 106);
    assert_eq!(refused(&[(binding(), finding(Tier::Free, Some(DENIED)))], DIRECT), 109);
    assert_eq!(refused(&[(binding(), None)], DIRECT), 111);
    // The nearest to entry is told, whoever comes first.
    let mixed = [(binding(), finding(Tier::Denied, None)), (own, None)];
    assert_eq!(refused(&mixed, DIRECT), 111);
    let mixed = [(binding(), None), (binding(), finding(Tier::Paid, None))];
    assert_eq!(refused(&mixed, DIRECT), 106);
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let tier = prop_oneof![Just(Tier::Free), Just(Tier::Paid), Just(Tier::Denied)];
    prop::option::of((tier, prop::bool::ANY))
        .prop_map(|known| known.and_then(|(tier, denied)| finding(tier, denied.then_some(DENIED))))
}

fn any_session() -> impl Strategy<Value = SessionFinding> {
    prop_oneof![
        Just(DIRECT),
        (0..4_u64).prop_map(|plan| SessionFinding::Kind(SessionKind::Plan(plan))),
        Just(SessionFinding::Missing),
        Just(SessionFinding::Unavailable),
    ]
}

proptest! {
    /// Whatever was found out: nobody passes without a card that is known, not denied, and good for the session.
    #[test]
    fn nobody_passes_on_nothing(finding in any_finding(), session in any_session()) {
        if settles(&policy(), &finding, session) {
            let entitlement = finding.expect("settled on nothing");
            prop_assert!(entitlement.tier != Tier::Denied && !policy().denies(&entitlement));
            if let SessionFinding::Kind(kind) = session {
                prop_assert!(policy().allows(entitlement.tier, kind));
            }
        }
    }

    /// A stranger's finding beside the owner's never turns entry into refusal.
    #[test]
    fn more_findings_never_hurt(mine in any_finding(), theirs in any_finding(), session in any_session()) {
        let alone = settles(&policy(), &mine, session);
        let together = [&theirs, &mine].into_iter().any(|found| settles(&policy(), found, session));
        prop_assert!(!alone || together);
    }
}
