//! Properties that hold for every state of both chains.

use std::time::Duration;

use alloy::primitives::U256;
use proptest::prelude::*;

use super::fixture::{HOUR, ReconcileFixture, node, price};
use crate::ledger::{LeaseState, NodeOnHub, PlanState, ProviderState};
use crate::reconcile::NodeHistory;
use crate::standing::NodeStanding;

const NODES: u8 = 12;

#[derive(Debug, Clone)]
struct Seed {
    standing: Option<(bool, u16, bool, u64)>,
    on_hub: Option<(bool, Option<u128>)>,
    lease: Option<(u128, u64, bool)>,
    links: (bool, bool),
    past: Option<(u8, u64)>,
}

prop_compose! {
    fn seed()(
        standing in prop::option::weighted(0.8, (prop::bool::weighted(0.8), 250_u16..400, prop::bool::weighted(0.1), 0_u64..5)),
        on_hub in prop::option::weighted(0.9, (prop::bool::weighted(0.9), prop::option::weighted(0.9, 0_u128..150))),
        lease in prop::option::of((0_u128..100, 0..9 * HOUR, any::<bool>())),
        links in any::<(bool, bool)>(),
        past in prop::option::weighted(0.2, (0_u8..3, 0..2 * HOUR)),
    ) -> Seed {
        Seed { standing, on_hub, lease, links, past }
    }
}

prop_compose! {
    /// Generates any state that the hub can have: links only with a lease, leases only of active nodes.
    fn fixture()(
        seeds in prop::collection::vec(seed(), NODES as usize),
        two_plans in any::<bool>(),
        budget in 0_u128..5000,
        percent in 0_u8..=100,
        actions in 3_usize..60,
        provider in prop::bool::weighted(0.95),
        paused in prop::bool::weighted(0.1),
    ) -> ReconcileFixture {
        let mut fixture = ReconcileFixture::new();
        fixture.governed.lease.max_per_day = budget;
        fixture.governed.limits.max_removed_percent = percent;
        fixture.governed.limits.max_actions = actions;
        fixture.governed.limits.removal_window = Duration::from_secs(HOUR);
        fixture.standings.parameters.paused = paused;
        fixture.ledger.provider = if provider { ProviderState::Active } else { ProviderState::Inactive };
        if two_plans {
            fixture.ledger.plans.insert(2, PlanState::default());
        }
        let now = fixture.ledger.time;
        for (number, seed) in (1..).zip(seeds) {
            let node = node(number);
            if let Some((active, score, blacklisted, since)) = seed.standing {
                let standing = NodeStanding { active, stake: U256::from(10), score, blacklisted, since };
                fixture.standings.nodes.insert(node, standing);
            }
            if let Some((active, quote)) = seed.on_hub {
                fixture.ledger.nodes.insert(node, NodeOnHub { active, hourly: quote.map(price) });
            }
            if let Some((kind, ago)) = seed.past {
                let at = now - ago;
                let past = match kind {
                    0 => NodeHistory::Grace { since: at },
                    1 => NodeHistory::Removed { at },
                    _ => NodeHistory::Recovering { since: at },
                };
                fixture.state.nodes.insert(node, past);
            }
            let active = fixture.ledger.nodes.get(&node).is_some_and(|node| node.active);
            let Some((quote, ago, renews)) = seed.lease.filter(|_| active && provider) else { continue };
            let id = 1000 + u64::from(number);
            let lease = LeaseState { id, price: price(quote), hours: 10, paid: 0, start: now - ago, renews, always: renews };
            fixture.paid.push((lease.start, quote * 10));
            fixture.ledger.leases.insert(node, lease);
            for (plan, linked) in [(1, seed.links.0), (2, seed.links.1)] {
                if let Some(plan) = fixture.ledger.plans.get_mut(&plan).filter(|_| linked) {
                    plan.links.insert(node);
                }
            }
        }
        fixture
    }
}

/// `PROPTEST_CASES` raises the number of cases.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(512), failure_persistence: None, ..usual }
}

/// Runs rounds with the operator's consent until no action is left.
fn settle(fixture: &mut ReconcileFixture) {
    for _ in 0..100 {
        if fixture.round_with(Some(usize::MAX)).steps.is_empty() {
            return;
        }
    }
    panic!("goes on for ever");
}

proptest! {
    #![proptest_config(config())]

    /// From any state, with enough budget: after grace and dwell time, exactly the good leasable nodes are linked to
    /// every plan.
    #[test]
    fn converges_to_good_nodes(mut fixture in fixture()) {
        fixture.governed.lease.max_per_day = u128::MAX;
        fixture.standings.parameters.paused = false;
        settle(&mut fixture);
        for _ in 0..6 {
            fixture.pass(HOUR);
            settle(&mut fixture);
        }
        let provider = fixture.ledger.provider == ProviderState::Active;
        let removed_margin = 320;
        for number in 1..=NODES {
            let linked = fixture.ledger.plans.values().filter(|plan| plan.links.contains(&node(number))).count();
            let standing = fixture.standings.nodes.get(&node(number));
            let sound = standing.filter(|standing| standing.active && !standing.blacklisted);
            let on_hub = fixture.ledger.nodes.get(&node(number));
            let leasable = on_hub.is_some_and(|node| node.active && node.hourly.is_some_and(|price| price.quote <= 100));
            match sound.map(|standing| standing.score) {
                None | Some(..300) => prop_assert_eq!(linked, 0, "node {} is linked", number),
                // Between the bounds, the link depends on an earlier removal.
                Some(300..320) => {}
                Some(_) if provider && leasable => {
                    prop_assert_eq!(linked, fixture.ledger.plans.len(), "node {} is not linked, {}", number, removed_margin);
                }
                Some(_) => {}
            }
        }
    }

    /// A reconciled state gives no further action, and the same input gives the same decision.
    #[test]
    fn decision_is_idempotent_and_deterministic(mut fixture in fixture()) {
        prop_assert_eq!(fixture.decide(None), fixture.decide(None));
        settle(&mut fixture);
        let again = fixture.decide(Some(usize::MAX));
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
    }

    /// The budget bounds the deposits that the oracle causes, over any day.
    #[test]
    fn never_exceeds_budget(mut fixture in fixture(), pauses in prop::collection::vec(1_u64..8 * HOUR, 1..20)) {
        let limit = fixture.governed.lease.max_per_day;
        for pause in pauses {
            let before = fixture.paid_last_day();
            let decision = fixture.round();
            let after = fixture.paid_last_day();
            prop_assert_eq!(after - before, decision.spending.this_round);
            prop_assert!(after <= limit || after == before, "{} of {}", after, limit);
            fixture.pass(pause);
        }
    }

    /// No window sees more removals than allowed, and no round more actions, whatever the registry says.
    #[test]
    fn never_exceeds_removal_and_action_limits(mut fixture in fixture(), lies in prop::collection::vec((1..=NODES, any::<bool>()), 1..30)) {
        let window = fixture.governed.limits.removal_window.as_secs();
        let allowed = |linked: usize, fixture: &ReconcileFixture| {
            (linked * usize::from(fixture.governed.limits.max_removed_percent) / 100).max(2)
        };
        let mut gone: Vec<(u64, u8)> = Vec::new();
        for (number, bad) in lies {
            if let Some(standing) = fixture.standings.nodes.get_mut(&node(number)) {
                standing.blacklisted = bad;
            }
            let linked: Vec<_> = (1..=NODES).filter(|&number| fixture.ledger.plans.values().any(|plan| plan.links.contains(&node(number)))).collect();
            let decision = fixture.round();
            prop_assert!(decision.steps.len() <= fixture.governed.limits.max_actions);
            let now = fixture.ledger.time;
            gone.retain(|(at, _)| at + window > now);
            for &number in &linked {
                let still = fixture.ledger.plans.values().any(|plan| plan.links.contains(&node(number)));
                if !still && !gone.iter().any(|&(_, known)| known == number) {
                    gone.push((now, number));
                }
            }
            let base = linked.len() + gone.iter().filter(|(_, number)| !linked.contains(number)).count();
            prop_assert!(gone.len() <= allowed(base, &fixture), "{} of {}", gone.len(), base);
            fixture.pass(60);
        }
    }
}
