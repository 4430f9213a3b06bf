//! What happens to a node, step by step.

use super::model::{HOUR, World, node, price};
use crate::ledger::{LeaseState, PlanState, ProviderState};
use crate::reconcile::memory::Deposit;
use crate::reconcile::{Action, Fault, Halt, Past, Stance};

fn labels(world: &World) -> Vec<&'static str> {
    world.decide(None).steps.iter().map(|step| step.action.label()).collect()
}

#[test]
fn a_good_node_is_leased_and_linked_once() {
    let mut world = World::with_nodes(1);
    let decision = world.round();
    let actions: Vec<_> = decision.steps.into_iter().map(|step| step.action).collect();
    let lease = Action::StartLease { node: node(1), hours: 10, max_price: price(10) };
    assert_eq!(actions, [lease, Action::Link { plan: 1, node: node(1) }]);
    assert_eq!(decision.spending.this_round, 100);
    assert!(world.round().steps.is_empty());
}

#[test]
fn whoever_does_wrong_is_out_at_once() {
    for harm in [
        (|world: &mut World| world.standing(1).blacklisted = true) as fn(&mut World),
        |world| world.standing(1).active = false,
        |world| world.governed.standing.blacklist.push(node(1)),
        |world| world.standings.nodes.retain(|&other, _| other != node(1)),
    ] {
        let mut world = World::with_nodes(3);
        world.round();
        harm(&mut world);
        assert_eq!(labels(&world), ["unlink", "end_lease"]);
        world.round();
        assert!(!world.is_linked(1) && world.is_linked(2));
        assert!(!world.ledger.leases.contains_key(&node(1)));
        assert!(world.round().steps.is_empty());
    }
}

#[test]
fn a_low_score_has_a_grace_period_that_recovery_ends() {
    let mut world = World::with_nodes(2);
    world.round();
    world.standing(1).score = 299;
    world.round();
    assert!(world.is_linked(1));
    world.pass(HOUR - 1);
    world.round();
    assert!(world.is_linked(1), "one second is left");
    world.standing(1).score = 300;
    world.round();
    world.standing(1).score = 299;
    world.round();
    world.pass(HOUR - 1);
    world.round();
    assert!(world.is_linked(1), "the period has started anew");
    world.pass(1);
    let decision = world.round();
    assert_eq!(decision.rows[&node(1)].fault, Some(Fault::Score { score: 299, least: 300 }));
    assert!(!world.is_linked(1) && world.is_linked(2));
}

#[test]
fn a_removed_node_comes_back_with_a_margin_and_after_its_dwell_time() {
    let mut world = World::with_nodes(2);
    world.round();
    world.standing(1).score = 100;
    world.round();
    world.pass(HOUR);
    world.round();
    world.standing(1).score = 319;
    world.pass(HOUR);
    assert_eq!(world.round().rows[&node(1)].stance, Stance::Out, "300 and the margin of 20 are needed");
    world.standing(1).score = 320;
    let until = world.ledger.time + 600;
    assert_eq!(world.round().rows[&node(1)].stance, Stance::Waiting { until });
    world.pass(599);
    world.round();
    assert!(!world.is_linked(1));
    world.pass(1);
    world.round();
    assert!(world.is_linked(1));
    world.round();
    assert!(world.memory.nodes.is_empty(), "the past is past");
}

#[test]
fn a_node_that_is_back_needs_no_margin_any_more() {
    let mut world = World::with_nodes(1);
    world.round();
    // Linked by the last round, which is all that this one knows of it; the score has fallen since.
    world.memory.nodes.insert(node(1), Past::Recovering { since: world.ledger.time });
    world.standing(1).score = 310;
    assert_eq!(world.round().rows[&node(1)].stance, Stance::Good);
    assert!(world.memory.nodes.is_empty());
    world.standing(1).score = 299;
    assert!(matches!(world.round().rows[&node(1)].stance, Stance::Grace { .. }));
}

#[test]
fn a_fault_during_the_dwell_time_starts_it_anew() {
    let mut world = World::with_nodes(1);
    world.memory.nodes.insert(node(1), Past::Recovering { since: world.ledger.time - 599 });
    world.standing(1).blacklisted = true;
    world.round();
    world.standing(1).blacklisted = false;
    world.pass(1);
    let until = world.ledger.time + 600;
    assert_eq!(world.round().rows[&node(1)].stance, Stance::Waiting { until });
}

#[test]
fn too_many_removals_stop_everything_until_the_operator_says_so() {
    let mut world = World::with_nodes(10);
    world.governed.limits.max_removed_percent = 30;
    world.governed.limits.max_removed_always = 1;
    world.round();
    for number in 1..=4 {
        world.standing(number).blacklisted = true;
    }
    world.standings.nodes.insert(node(50), super::model::good());
    world.on_hub(50, 10);
    let decision = world.round();
    assert_eq!(decision.halt, Some(Halt::Removals { wanted: 4, allowed: 3, linked: 10 }));
    assert!(decision.steps.is_empty() && world.links().len() == 10);
    assert!(world.round_with(Some(3)).halt.is_some(), "that is fewer than would go");
    assert!(world.round_with(Some(4)).halt.is_none());
    assert_eq!(world.links().len(), 7);
}

#[test]
fn the_limit_counts_over_its_window_not_round_by_round() {
    let mut world = World::with_nodes(10);
    world.governed.limits.max_removed_percent = 20;
    world.round();
    for number in 1..=2 {
        world.standing(number).blacklisted = true;
        assert!(world.round().halt.is_none());
    }
    world.standing(3).blacklisted = true;
    assert_eq!(world.round().halt, Some(Halt::Removals { wanted: 3, allowed: 2, linked: 10 }));
    world.pass(world.governed.limits.removal_window.as_secs());
    assert!(world.round().halt.is_none());
    assert_eq!(world.links().len(), 7);
}

#[test]
fn a_node_that_the_hub_dropped_comes_back_with_it() {
    let mut world = World::with_nodes(2);
    world.round();
    world.goes_inactive(1);
    let decision = world.round();
    assert!(decision.steps.is_empty());
    assert_eq!(decision.rows[&node(1)].held.as_deref(), Some("inactive on the hub"));
    world.on_hub(1, 10);
    assert_eq!(labels(&world), ["start_lease", "link"]);
}

#[test]
fn leases_are_renewed_before_they_end_also_at_a_higher_price() {
    let mut world = World::with_nodes(1);
    world.round();
    world.pass(9 * HOUR - 1);
    assert!(labels(&world).is_empty());
    world.on_hub(1, 12);
    world.pass(1);
    let lease = world.ledger.leases[&node(1)].id;
    let renew = Action::RenewLease { lease, node: node(1), hours: 10, max_price: price(12) };
    let decision = world.round();
    assert_eq!(decision.steps[0].action, renew);
    assert_eq!(world.ledger.leases[&node(1)].ends(), world.ledger.time + 10 * HOUR);
    assert!(world.round().steps.is_empty());
}

#[test]
fn what_is_too_dear_runs_out_and_what_became_cheaper_goes_on() {
    let mut world = World::with_nodes(1);
    world.round();
    world.on_hub(1, 101);
    world.pass(9 * HOUR);
    assert_eq!(labels(&world), ["set_renewal"]);
    let decision = world.round();
    assert!(decision.rows[&node(1)].held.as_deref().unwrap().contains("costs 101"));
    assert!(world.round().steps.is_empty() && world.is_linked(1), "paid for is paid for");
    world.on_hub(1, 100);
    assert_eq!(labels(&world), ["set_renewal", "renew_lease"]);
    world.on_hub(1, 101);
    world.pass(HOUR);
    assert!(!world.is_linked(1));
    assert!(world.round().steps.is_empty());
}

#[test]
fn the_budget_serves_first_who_is_in_and_then_who_is_longest_registered() {
    let mut world = World::with_nodes(3);
    world.governed.lease.max_per_day = 200;
    world.standing(3).since = 0;
    let decision = world.round();
    assert_eq!((decision.spending.this_round, decision.spending.limit), (200, 200));
    assert_eq!(world.links(), [node(1), node(3)]);
    assert_eq!(decision.rows[&node(2)].held.as_deref(), Some("the budget of 200 a day is used up"));
    world.pass(9 * HOUR);
    assert_eq!(labels(&world), ["set_renewal", "set_renewal"], "else the hub would spend it");
    world.round();
    world.pass(15 * HOUR);
    let decision = world.round();
    assert_eq!(decision.spending.this_round, 200, "a new day");
}

#[test]
fn a_lost_memory_still_knows_what_was_spent() {
    let mut world = World::with_nodes(3);
    world.governed.lease.max_per_day = 200;
    world.round();
    world.memory = crate::reconcile::Memory::default();
    assert!(world.round().steps.is_empty());
}

#[test]
fn an_emergency_starts_nothing_and_removes_all_the_same() {
    let mut world = World::with_nodes(2);
    world.round();
    world.standings.nodes.insert(node(3), super::model::good());
    world.on_hub(3, 10);
    world.standings.parameters.paused = true;
    world.standing(1).blacklisted = true;
    assert_eq!(labels(&world), ["unlink", "end_lease"]);
    assert_eq!(world.decide(None).rows[&node(3)].held.as_deref(), Some("paused on Ethereum"));
    world.round();
    world.pass(9 * HOUR);
    world.on_hub(2, 12);
    assert_eq!(labels(&world), ["renew_lease"], "what serves goes on");
}

#[test]
fn plans_are_activated_and_each_gets_its_links() {
    let mut world = World::with_nodes(1);
    world.round();
    world.ledger.plans.insert(2, PlanState::default());
    assert_eq!(labels(&world), ["activate_plan", "link"]);
    world.round();
    assert!(world.ledger.plans[&2].active && world.ledger.plans[&2].links.contains(&node(1)));
}

#[test]
fn without_an_active_provider_only_removals_happen() {
    let mut world = World::with_nodes(2);
    world.round();
    world.standings.nodes.insert(node(3), super::model::good());
    world.on_hub(3, 10);
    world.ledger.provider = ProviderState::Inactive;
    world.standing(1).blacklisted = true;
    assert_eq!(labels(&world), ["unlink", "end_lease"]);
    let held = world.decide(None).rows[&node(3)].held.clone();
    assert_eq!(held.as_deref(), Some("the provider is not active on the hub"));
}

#[test]
fn a_full_round_leaves_the_rest_for_the_next_and_tears_nothing_apart() {
    let mut world = World::with_nodes(5);
    world.governed.limits.max_actions = 5;
    let decision = world.round();
    assert_eq!((decision.steps.len(), decision.deferred), (4, 6));
    assert_eq!(decision.spending.this_round, 200, "only what is done is counted");
    world.round();
    world.round();
    assert_eq!(world.links().len(), 5);
}

#[test]
fn a_foreign_lease_of_the_provider_is_ended() {
    let mut world = World::with_nodes(1);
    let lease = LeaseState {
        id: 9,
        price: price(1),
        hours: 10,
        paid: 1,
        start: world.ledger.time,
        renews: false,
        always: false,
    };
    world.ledger.leases.insert(node(7), lease);
    world.on_hub(7, 1);
    assert_eq!(world.decide(None).steps[0].action, Action::EndLease { lease: 9, node: node(7) });
}

/// Hours of a lease are paid as they begin; what has not begun comes back at a renewal.
fn paid_hours(world: &World) -> u64 {
    let ends = world.paid.iter().skip(1).map(|(at, _)| *at).chain([world.ledger.time]);
    world.paid.iter().zip(ends).map(|((start, _), end)| ((end - start) / HOUR + 1).min(10)).sum()
}

#[test]
fn at_a_constant_price_the_hub_renews_and_no_hour_is_paid_twice() {
    let mut world = World::with_nodes(1);
    let begin = world.ledger.time;
    for _ in 0..100 * 4 {
        let decision = world.round();
        assert!(decision.steps.iter().all(|step| step.action.label() != "renew_lease"), "{decision:?}");
        world.pass(HOUR / 4);
    }
    assert!(world.is_linked(1));
    let elapsed = (world.ledger.time - begin) / HOUR;
    assert!(paid_hours(&world) <= elapsed + 1, "{} in {elapsed}", paid_hours(&world));
}

#[test]
fn a_lease_that_the_hub_renews_has_its_money_set_aside() {
    let mut world = World::with_nodes(1);
    world.governed.lease.max_per_day = 250;
    world.round();
    world.pass(9 * HOUR);
    world.standings.nodes.insert(node(2), super::model::good());
    world.on_hub(2, 10);
    let decision = world.round();
    assert!(decision.steps.is_empty(), "{:?}", decision.steps);
    assert_eq!(decision.rows[&node(2)].held.as_deref(), Some("the budget of 250 a day is used up"));
    world.pass(HOUR);
    world.round();
    assert!(world.is_linked(1) && world.paid_last_day() == 200);
}

#[test]
fn what_the_hub_would_not_renew_is_renewed_for_it() {
    let due = |change: fn(&mut World)| {
        let mut world = World::with_nodes(1);
        world.round();
        world.pass(9 * HOUR);
        change(&mut world);
        labels(&world)
    };
    assert!(due(|_| {}).is_empty());
    assert!(due(|world| world.on_hub(1, 9)).is_empty());
    assert_eq!(due(|world| world.on_hub(1, 11)), ["renew_lease"]);
    // A policy that somebody else gave it, under which a constant price may end it.
    assert_eq!(due(|world| world.lease(1).always = false), ["set_renewal"]);
    // Let go and wanted again: from then on it is the hub's.
    assert_eq!(
        due(|world| {
            let lease = world.lease(1);
            (lease.renews, lease.always) = (false, false);
        }),
        ["set_renewal"]
    );
    // The hub would go on with the hours that the lease has.
    assert_eq!(due(|world| world.governed.lease.hours = 5), ["renew_lease"]);
}

#[test]
fn times_ahead_of_the_hub_come_back_to_it() {
    let mut world = World::with_nodes(3);
    world.governed.limits.max_removed_percent = 30;
    world.governed.limits.max_removed_always = 1;
    world.round();
    let (now, years) = (world.ledger.time, world.ledger.time + 10 * 365 * 24 * HOUR);
    world.memory.nodes.insert(node(1), Past::Grace { since: years });
    world.memory.nodes.insert(node(7), Past::Removed { at: years });
    world.memory.removals.insert(node(7), years);
    world.memory.deposits.push(Deposit { lease: 99, start: years, amount: 1_000_000 });
    world.standing(1).score = 100;
    let decision = world.round();
    assert_eq!(decision.rows[&node(1)].stance, Stance::Grace { until: now + HOUR });
    assert_eq!(world.memory.nodes[&node(7)], Past::Removed { at: now });
    assert_eq!(world.memory.removals[&node(7)], now);
    assert!(world.memory.deposits.iter().all(|deposit| deposit.start <= now), "{:?}", world.memory.deposits);
    world.pass(HOUR);
    world.memory.removals.clear();
    world.round();
    assert!(!world.is_linked(1));
    world.memory.nodes.insert(node(2), Past::Recovering { since: years });
    world.goes_inactive(2);
    world.on_hub(2, 10);
    let until = world.ledger.time + 600;
    assert_eq!(world.round().rows[&node(2)].stance, Stance::Waiting { until });
}

#[test]
fn a_removal_that_is_stopped_or_put_off_leaves_no_trace() {
    let mut world = World::with_nodes(10);
    world.governed.limits.max_removed_percent = 30;
    world.governed.limits.max_removed_always = 1;
    world.round();
    let before = world.memory.nodes.clone();
    for number in 1..=4 {
        world.standing(number).blacklisted = true;
    }
    assert!(world.round().halt.is_some());
    assert_eq!(world.memory.nodes, before);
    for number in 1..=4 {
        world.standing(number).blacklisted = false;
    }
    for number in 1..=2 {
        world.standing(number).score = 310;
    }
    let decision = world.round();
    assert!(decision.steps.is_empty(), "{:?}", decision.steps);
    assert_eq!(decision.rows[&node(1)].stance, Stance::Good);

    // Room for one removal; the other has its grace until it is done.
    world.governed.limits.max_actions = 3;
    world.standing(1).score = 299;
    world.standing(2).score = 299;
    world.round();
    let since = world.ledger.time;
    world.pass(HOUR);
    let decision = world.round();
    assert_eq!((decision.steps.len(), decision.deferred), (2, 2));
    assert!(!world.is_linked(1) && world.is_linked(2));
    assert_eq!(world.memory.nodes[&node(2)], Past::Grace { since });
}

#[test]
fn a_removal_that_failed_asks_for_no_margin() {
    let mut world = World::with_nodes(1);
    world.round();
    world.memory.nodes.insert(node(1), Past::Removed { at: world.ledger.time });
    world.standing(1).score = 310;
    assert_eq!(world.round().rows[&node(1)].stance, Stance::Good);
    assert!(world.is_linked(1));
}
