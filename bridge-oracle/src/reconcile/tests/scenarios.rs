//! Scenarios of a node over several rounds.

use super::fixture::{HOUR, ReconcileFixture, node, price};
use crate::ledger::{LeaseState, PlanState, ProviderState};
use crate::reconcile::state::Deposit;
use crate::reconcile::{Action, Fault, Halt, NodeHistory, NodeStatus};

fn labels(fixture: &ReconcileFixture) -> Vec<&'static str> {
    fixture.decide(None).steps.iter().map(|step| step.action.label()).collect()
}

#[test]
fn leases_and_links_good_node_once() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    let decision = fixture.round();
    let actions: Vec<_> = decision.steps.into_iter().map(|step| step.action).collect();
    let lease = Action::StartLease { node: node(1), hours: 10, max_price: price(10) };
    assert_eq!(actions, [lease, Action::Link { plan: 1, node: node(1) }]);
    assert_eq!(decision.spending.this_round, 100);
    assert!(fixture.round().steps.is_empty());
}

#[test]
fn removes_node_with_fault_without_grace_at_once() {
    for harm in [
        (|fixture: &mut ReconcileFixture| fixture.standing(1).blacklisted = true)
            as fn(&mut ReconcileFixture),
        |fixture| fixture.standing(1).active = false,
        |fixture| fixture.governed.standing.blacklist.push(node(1)),
        |fixture| fixture.standings.nodes.retain(|&other, _| other != node(1)),
    ] {
        let mut fixture = ReconcileFixture::with_nodes(3);
        fixture.round();
        harm(&mut fixture);
        assert_eq!(labels(&fixture), ["unlink", "end_lease"]);
        fixture.round();
        assert!(!fixture.is_linked(1) && fixture.is_linked(2));
        assert!(!fixture.ledger.leases.contains_key(&node(1)));
        assert!(fixture.round().steps.is_empty());
    }
}

#[test]
fn low_score_has_grace_period_that_recovery_ends() {
    let mut fixture = ReconcileFixture::with_nodes(2);
    fixture.round();
    fixture.standing(1).score = 299;
    fixture.round();
    assert!(fixture.is_linked(1));
    fixture.pass(HOUR - 1);
    fixture.round();
    assert!(fixture.is_linked(1), "one second is left");
    fixture.standing(1).score = 300;
    fixture.round();
    fixture.standing(1).score = 299;
    fixture.round();
    fixture.pass(HOUR - 1);
    fixture.round();
    assert!(fixture.is_linked(1), "the period has started anew");
    fixture.pass(1);
    let decision = fixture.round();
    assert_eq!(decision.rows[&node(1)].fault, Some(Fault::Score { score: 299, least: 300 }));
    assert!(!fixture.is_linked(1) && fixture.is_linked(2));
}

#[test]
fn links_removed_node_again_above_margin_after_dwell_time() {
    let mut fixture = ReconcileFixture::with_nodes(2);
    fixture.round();
    fixture.standing(1).score = 100;
    fixture.round();
    fixture.pass(HOUR);
    fixture.round();
    fixture.standing(1).score = 319;
    fixture.pass(HOUR);
    assert_eq!(fixture.round().rows[&node(1)].status, NodeStatus::Out, "300 and the margin of 20 are needed");
    fixture.standing(1).score = 320;
    let until = fixture.ledger.time + 600;
    assert_eq!(fixture.round().rows[&node(1)].status, NodeStatus::Waiting { until });
    fixture.pass(599);
    fixture.round();
    assert!(!fixture.is_linked(1));
    fixture.pass(1);
    fixture.round();
    assert!(fixture.is_linked(1));
    fixture.round();
    assert!(fixture.state.nodes.is_empty(), "the past is past");
}

#[test]
fn relinked_node_needs_no_margin() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.round();
    // The last round linked the node; since then its score has fallen.
    fixture.state.nodes.insert(node(1), NodeHistory::Recovering { since: fixture.ledger.time });
    fixture.standing(1).score = 310;
    assert_eq!(fixture.round().rows[&node(1)].status, NodeStatus::Good);
    assert!(fixture.state.nodes.is_empty());
    fixture.standing(1).score = 299;
    assert!(matches!(fixture.round().rows[&node(1)].status, NodeStatus::Grace { .. }));
}

#[test]
fn fault_during_dwell_time_restarts_it() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.state.nodes.insert(node(1), NodeHistory::Recovering { since: fixture.ledger.time - 599 });
    fixture.standing(1).blacklisted = true;
    fixture.round();
    fixture.standing(1).blacklisted = false;
    fixture.pass(1);
    let until = fixture.ledger.time + 600;
    assert_eq!(fixture.round().rows[&node(1)].status, NodeStatus::Waiting { until });
}

#[test]
fn halts_on_too_many_removals_until_operator_consents() {
    let mut fixture = ReconcileFixture::with_nodes(10);
    fixture.governed.limits.max_removed_percent = 30;
    fixture.governed.limits.max_removed_always = 1;
    fixture.round();
    for number in 1..=4 {
        fixture.standing(number).blacklisted = true;
    }
    fixture.standings.nodes.insert(node(50), super::fixture::good());
    fixture.on_hub(50, 10);
    let decision = fixture.round();
    assert_eq!(decision.halt, Some(Halt::Removals { wanted: 4, allowed: 3, linked: 10 }));
    assert!(decision.steps.is_empty() && fixture.links().len() == 10);
    assert!(fixture.round_with(Some(3)).halt.is_some(), "that is fewer than would go");
    assert!(fixture.round_with(Some(4)).halt.is_none());
    assert_eq!(fixture.links().len(), 7);
}

#[test]
fn removal_limit_counts_over_window() {
    let mut fixture = ReconcileFixture::with_nodes(10);
    fixture.governed.limits.max_removed_percent = 20;
    fixture.round();
    for number in 1..=2 {
        fixture.standing(number).blacklisted = true;
        assert!(fixture.round().halt.is_none());
    }
    fixture.standing(3).blacklisted = true;
    assert_eq!(fixture.round().halt, Some(Halt::Removals { wanted: 3, allowed: 2, linked: 10 }));
    fixture.pass(fixture.governed.limits.removal_window.as_secs());
    assert!(fixture.round().halt.is_none());
    assert_eq!(fixture.links().len(), 7);
}

#[test]
fn leases_node_again_after_hub_dropped_it() {
    let mut fixture = ReconcileFixture::with_nodes(2);
    fixture.round();
    fixture.goes_inactive(1);
    let decision = fixture.round();
    assert!(decision.steps.is_empty());
    assert_eq!(decision.rows[&node(1)].held.as_deref(), Some("inactive on the hub"));
    fixture.on_hub(1, 10);
    assert_eq!(labels(&fixture), ["start_lease", "link"]);
}

#[test]
fn renews_leases_before_end_at_higher_price() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.round();
    fixture.pass(9 * HOUR - 1);
    assert!(labels(&fixture).is_empty());
    fixture.on_hub(1, 12);
    fixture.pass(1);
    let lease = fixture.ledger.leases[&node(1)].id;
    let renew = Action::RenewLease { lease, node: node(1), hours: 10, max_price: price(12) };
    let decision = fixture.round();
    assert_eq!(decision.steps[0].action, renew);
    assert_eq!(fixture.ledger.leases[&node(1)].ends(), fixture.ledger.time + 10 * HOUR);
    assert!(fixture.round().steps.is_empty());
}

#[test]
fn lets_too_expensive_lease_expire_and_renews_cheaper_one() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.round();
    fixture.on_hub(1, 101);
    fixture.pass(9 * HOUR);
    assert_eq!(labels(&fixture), ["set_renewal"]);
    let decision = fixture.round();
    assert!(decision.rows[&node(1)].held.as_deref().unwrap().contains("costs 101"));
    assert!(fixture.round().steps.is_empty() && fixture.is_linked(1), "paid for is paid for");
    fixture.on_hub(1, 100);
    assert_eq!(labels(&fixture), ["set_renewal", "renew_lease"]);
    fixture.on_hub(1, 101);
    fixture.pass(HOUR);
    assert!(!fixture.is_linked(1));
    assert!(fixture.round().steps.is_empty());
}

#[test]
fn budget_serves_leased_nodes_then_longest_registered() {
    let mut fixture = ReconcileFixture::with_nodes(3);
    fixture.governed.lease.max_per_day = 200;
    fixture.standing(3).since = 0;
    let decision = fixture.round();
    assert_eq!((decision.spending.this_round, decision.spending.limit), (200, 200));
    assert_eq!(fixture.links(), [node(1), node(3)]);
    assert_eq!(decision.rows[&node(2)].held.as_deref(), Some("the budget of 200 a day is used up"));
    fixture.pass(9 * HOUR);
    assert_eq!(labels(&fixture), ["set_renewal", "set_renewal"], "else the hub would spend it");
    fixture.round();
    fixture.pass(15 * HOUR);
    let decision = fixture.round();
    assert_eq!(decision.spending.this_round, 200, "a new day");
}

#[test]
fn recovers_deposits_after_lost_state() {
    let mut fixture = ReconcileFixture::with_nodes(3);
    fixture.governed.lease.max_per_day = 200;
    fixture.round();
    fixture.state = crate::reconcile::ReconcileState::default();
    assert!(fixture.round().steps.is_empty());
}

#[test]
fn pause_starts_nothing_and_still_removes() {
    let mut fixture = ReconcileFixture::with_nodes(2);
    fixture.round();
    fixture.standings.nodes.insert(node(3), super::fixture::good());
    fixture.on_hub(3, 10);
    fixture.standings.parameters.paused = true;
    fixture.standing(1).blacklisted = true;
    assert_eq!(labels(&fixture), ["unlink", "end_lease"]);
    assert_eq!(fixture.decide(None).rows[&node(3)].held.as_deref(), Some("paused on Ethereum"));
    fixture.round();
    fixture.pass(9 * HOUR);
    fixture.on_hub(2, 12);
    assert_eq!(labels(&fixture), ["renew_lease"], "what serves goes on");
}

#[test]
fn activates_plans_and_links_nodes_to_each() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.round();
    fixture.ledger.plans.insert(2, PlanState::default());
    assert_eq!(labels(&fixture), ["activate_plan", "link"]);
    fixture.round();
    assert!(fixture.ledger.plans[&2].active && fixture.ledger.plans[&2].links.contains(&node(1)));
}

#[test]
fn inactive_provider_allows_removals_only() {
    let mut fixture = ReconcileFixture::with_nodes(2);
    fixture.round();
    fixture.standings.nodes.insert(node(3), super::fixture::good());
    fixture.on_hub(3, 10);
    fixture.ledger.provider = ProviderState::Inactive;
    fixture.standing(1).blacklisted = true;
    assert_eq!(labels(&fixture), ["unlink", "end_lease"]);
    let held = fixture.decide(None).rows[&node(3)].held.clone();
    assert_eq!(held.as_deref(), Some("the provider is not active on the hub"));
}

#[test]
fn full_round_defers_whole_groups() {
    let mut fixture = ReconcileFixture::with_nodes(5);
    fixture.governed.limits.max_actions = 5;
    let decision = fixture.round();
    assert_eq!((decision.steps.len(), decision.deferred), (4, 6));
    assert_eq!(decision.spending.this_round, 200, "only what is done is counted");
    fixture.round();
    fixture.round();
    assert_eq!(fixture.links().len(), 5);
}

#[test]
fn ends_lease_of_unregistered_node() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    let lease = LeaseState {
        id: 9,
        price: price(1),
        hours: 10,
        paid: 1,
        start: fixture.ledger.time,
        renews: false,
        always: false,
    };
    fixture.ledger.leases.insert(node(7), lease);
    fixture.on_hub(7, 1);
    assert_eq!(fixture.decide(None).steps[0].action, Action::EndLease { lease: 9, node: node(7) });
}

/// Hours of a lease are paid as they start; a renewal refunds hours that have not started.
fn paid_hours(fixture: &ReconcileFixture) -> u64 {
    let ends = fixture.paid.iter().skip(1).map(|(at, _)| *at).chain([fixture.ledger.time]);
    fixture.paid.iter().zip(ends).map(|((start, _), end)| ((end - start) / HOUR + 1).min(10)).sum()
}

#[test]
fn hub_renews_at_constant_price_and_no_hour_is_paid_twice() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    let begin = fixture.ledger.time;
    for _ in 0..100 * 4 {
        let decision = fixture.round();
        assert!(decision.steps.iter().all(|step| step.action.label() != "renew_lease"), "{decision:?}");
        fixture.pass(HOUR / 4);
    }
    assert!(fixture.is_linked(1));
    let elapsed = (fixture.ledger.time - begin) / HOUR;
    assert!(paid_hours(&fixture) <= elapsed + 1, "{} in {elapsed}", paid_hours(&fixture));
}

#[test]
fn reserves_budget_for_lease_that_hub_renews() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.governed.lease.max_per_day = 250;
    fixture.round();
    fixture.pass(9 * HOUR);
    fixture.standings.nodes.insert(node(2), super::fixture::good());
    fixture.on_hub(2, 10);
    let decision = fixture.round();
    assert!(decision.steps.is_empty(), "{:?}", decision.steps);
    assert_eq!(decision.rows[&node(2)].held.as_deref(), Some("the budget of 250 a day is used up"));
    fixture.pass(HOUR);
    fixture.round();
    assert!(fixture.is_linked(1) && fixture.paid_last_day() == 200);
}

#[test]
fn renews_lease_that_hub_would_not_renew() {
    let due = |change: fn(&mut ReconcileFixture)| {
        let mut fixture = ReconcileFixture::with_nodes(1);
        fixture.round();
        fixture.pass(9 * HOUR);
        change(&mut fixture);
        labels(&fixture)
    };
    assert!(due(|_| {}).is_empty());
    assert!(due(|fixture| fixture.on_hub(1, 9)).is_empty());
    assert_eq!(due(|fixture| fixture.on_hub(1, 11)), ["renew_lease"]);
    // A policy set by another account, under which the lease may end at a constant price.
    assert_eq!(due(|fixture| fixture.lease(1).always = false), ["set_renewal"]);
    // Renewal was switched off and is wanted again: the hub renews from then on.
    assert_eq!(
        due(|fixture| {
            let lease = fixture.lease(1);
            (lease.renews, lease.always) = (false, false);
        }),
        ["set_renewal"]
    );
    // The hub would renew for the lease's own hours.
    assert_eq!(due(|fixture| fixture.governed.lease.hours = 5), ["renew_lease"]);
}

#[test]
fn clamps_times_ahead_of_hub() {
    let mut fixture = ReconcileFixture::with_nodes(3);
    fixture.governed.limits.max_removed_percent = 30;
    fixture.governed.limits.max_removed_always = 1;
    fixture.round();
    let (now, years) = (fixture.ledger.time, fixture.ledger.time + 10 * 365 * 24 * HOUR);
    fixture.state.nodes.insert(node(1), NodeHistory::Grace { since: years });
    fixture.state.nodes.insert(node(7), NodeHistory::Removed { at: years });
    fixture.state.removals.insert(node(7), years);
    fixture.state.deposits.push(Deposit { lease: 99, start: years, amount: 1_000_000 });
    fixture.standing(1).score = 100;
    let decision = fixture.round();
    assert_eq!(decision.rows[&node(1)].status, NodeStatus::Grace { until: now + HOUR });
    assert_eq!(fixture.state.nodes[&node(7)], NodeHistory::Removed { at: now });
    assert_eq!(fixture.state.removals[&node(7)], now);
    assert!(
        fixture.state.deposits.iter().all(|deposit| deposit.start <= now),
        "{:?}",
        fixture.state.deposits
    );
    fixture.pass(HOUR);
    fixture.state.removals.clear();
    fixture.round();
    assert!(!fixture.is_linked(1));
    fixture.state.nodes.insert(node(2), NodeHistory::Recovering { since: years });
    fixture.goes_inactive(2);
    fixture.on_hub(2, 10);
    let until = fixture.ledger.time + 600;
    assert_eq!(fixture.round().rows[&node(2)].status, NodeStatus::Waiting { until });
}

#[test]
fn halted_or_deferred_removal_leaves_no_history() {
    let mut fixture = ReconcileFixture::with_nodes(10);
    fixture.governed.limits.max_removed_percent = 30;
    fixture.governed.limits.max_removed_always = 1;
    fixture.round();
    let before = fixture.state.nodes.clone();
    for number in 1..=4 {
        fixture.standing(number).blacklisted = true;
    }
    assert!(fixture.round().halt.is_some());
    assert_eq!(fixture.state.nodes, before);
    for number in 1..=4 {
        fixture.standing(number).blacklisted = false;
    }
    for number in 1..=2 {
        fixture.standing(number).score = 310;
    }
    let decision = fixture.round();
    assert!(decision.steps.is_empty(), "{:?}", decision.steps);
    assert_eq!(decision.rows[&node(1)].status, NodeStatus::Good);

    // There is room for one removal; the other node keeps its grace until its removal is done.
    fixture.governed.limits.max_actions = 3;
    fixture.standing(1).score = 299;
    fixture.standing(2).score = 299;
    fixture.round();
    let since = fixture.ledger.time;
    fixture.pass(HOUR);
    let decision = fixture.round();
    assert_eq!((decision.steps.len(), decision.deferred), (2, 2));
    assert!(!fixture.is_linked(1) && fixture.is_linked(2));
    assert_eq!(fixture.state.nodes[&node(2)], NodeHistory::Grace { since });
}

#[test]
fn failed_removal_requires_no_margin() {
    let mut fixture = ReconcileFixture::with_nodes(1);
    fixture.round();
    fixture.state.nodes.insert(node(1), NodeHistory::Removed { at: fixture.ledger.time });
    fixture.standing(1).score = 310;
    assert_eq!(fixture.round().rows[&node(1)].status, NodeStatus::Good);
    assert!(fixture.is_linked(1));
}
