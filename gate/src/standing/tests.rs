#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const AGE: Duration = Duration::from_secs(60);

fn standing(last: Option<(StandingFinding, Duration)>, trouble: Option<&str>) -> Standing {
    let last =
        last.map(|(finding, ago)| LatestFinding { finding, read: Instant::now().checked_sub(ago).unwrap() });
    let known = StandingState { last, trouble: trouble.map(str::to_owned), since: SystemTime::now() };
    Standing { known: watch::channel(known).1, max_age: AGE, unknown: Refusal::EthereumUnavailable }
}

fn problem(standing: &Standing, plan: u64) -> Option<String> {
    standing.problem(&[plan].into()).map(|(why, _)| why)
}

#[test]
fn admits_plan_sessions_only_without_a_fault() {
    let good = standing(Some((StandingFinding::Registered(Ok(())), Duration::ZERO)), None);
    assert_eq!((good.refusal(7), problem(&good, 7)), (None, None));
    let faults = [
        (StandingFault::NotRegistered, "not registered"),
        (StandingFault::Blacklisted, "blacklisted"),
        (StandingFault::Inactive, "leaving the registry, or its stake"),
        (StandingFault::Score { score: 40, least: 100 }, "score 40 below 100"),
        (StandingFault::Unsettled(Box::new(StandingFault::Inactive)), "good in newer ones"),
    ];
    for (fault, words) in faults {
        let bad = standing(Some((StandingFinding::Registered(Err(fault)), Duration::ZERO)), None);
        assert_eq!(bad.refusal(7), Some(Refusal::NotInGoodStanding));
        let why = problem(&bad, 7).unwrap();
        assert!(why.contains("not in good standing") && why.contains(words), "{why}");
    }
}

#[test]
fn hub_finding_applies_per_plan() {
    let linked = standing(Some((StandingFinding::Linked([7].into()), Duration::ZERO)), None);
    assert_eq!((linked.refusal(7), problem(&linked, 7)), (None, None));
    assert_eq!(linked.refusal(8), Some(Refusal::NotInGoodStanding));
    assert!(problem(&linked, 8).unwrap().contains("not linked to plan 8"));
}

#[test]
fn finding_expires_after_its_maximum_age() {
    let read = |ago| standing(Some((StandingFinding::Registered(Ok(())), ago)), Some("connection refused"));
    assert_eq!(read(AGE / 2).refusal(7), None);
    let old = read(AGE * 2);
    assert_eq!(old.refusal(7), Some(Refusal::EthereumUnavailable));
    let why = problem(&old, 7).unwrap();
    assert!(why.contains("2m ago") && why.contains("connection refused"), "{why}");
}

#[test]
fn refuses_plan_sessions_without_a_finding() {
    let unread = standing(None, Some("no answer"));
    assert_eq!(unread.refusal(7), Some(Refusal::EthereumUnavailable));
    assert_eq!(problem(&unread, 7).unwrap(), "standing of this node is not known: no answer");
    let none = Standing::none();
    assert_eq!(none.refusal(7), Some(Refusal::NotInGoodStanding));
    assert!(problem(&none, 7).unwrap().contains("[registry]"));
    assert_eq!(none.problem(&BTreeSet::new()), None, "no plan, no session of one");
}
