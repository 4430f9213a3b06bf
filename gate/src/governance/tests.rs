#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

pub(crate) fn governed() -> GovernedPolicy {
    GovernedPolicy {
        paused_until: None,
        node_blacklisted: false,
        credential_ttl: Duration::from_secs(7200),
        free_devices: 2,
        paid_devices: 1,
        this_card: None,
        collections: Vec::new(),
        delegations: None,
        revision: 1,
    }
}

const FILE: Duration = Duration::from_secs(86_400);

#[test]
fn file_applies_without_contracts() {
    let none = Governance::none();
    assert_eq!(none.refusal(0), None);
    assert_eq!(none.credential_ttl(FILE), FILE);
    assert_eq!((none.devices(Tier::Free, 5), none.plan_devices(Tier::Paid, 5)), (5, 5));
    assert_eq!(none.problem(), None);
}

#[test]
fn refuses_handshakes_before_the_first_read() {
    let unread = Governance(watch::channel(GovernanceState::Unread("no answer".into())).1);
    assert_eq!(unread.refusal(0), Some(Refusal::EthereumUnavailable));
    assert_eq!(unread.problem().unwrap(), "no answer");
}

#[test]
fn governed_values_override_the_file() {
    let governance = Governance::with_policy(governed());
    assert_eq!(governance.refusal(0), None);
    assert_eq!(governance.credential_ttl(FILE), Duration::from_secs(7200));
    assert_eq!(governance.devices(Tier::Free, 5), 2);
    assert_eq!(governance.devices(Tier::Paid, 5), 1);
    assert_eq!(governance.devices(Tier::Denied, 5), 0);
    let plans = [1, 2, 5].map(|file| governance.plan_devices(Tier::Free, file));
    assert_eq!(plans, [1, 2, 2], "a plan is for fewer, never for more");
}

#[test]
fn pause_and_blacklist_refuse_handshakes() {
    let paused = Governance::with_policy(GovernedPolicy { paused_until: Some(100), ..governed() });
    assert_eq!(paused.refusal(99), Some(Refusal::Paused));
    assert_eq!(paused.refusal(100), None);
    let blacklisted = Governance::with_policy(GovernedPolicy { node_blacklisted: true, ..governed() });
    assert_eq!(blacklisted.refusal(0), Some(Refusal::NotInGoodStanding));
}
