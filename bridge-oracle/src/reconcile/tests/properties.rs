//! Whatever the two chains look like.

use std::time::Duration;

use alloy::primitives::U256;
use proptest::prelude::*;

use super::model::{HOUR, World, node, price};
use crate::ledger::{LeaseState, NodeOnHub, PlanState, ProviderState};
use crate::reconcile::Past;
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
    /// Any state that the hub can be in: links only with a lease, leases only of active nodes.
    fn world()(
        seeds in prop::collection::vec(seed(), NODES as usize),
        two_plans in any::<bool>(),
        budget in 0_u128..5000,
        percent in 0_u8..=100,
        actions in 3_usize..60,
        provider in prop::bool::weighted(0.95),
        paused in prop::bool::weighted(0.1),
    ) -> World {
        let mut world = World::new();
        world.governed.lease.max_per_day = budget;
        world.governed.limits.max_removed_percent = percent;
        world.governed.limits.max_actions = actions;
        world.governed.limits.removal_window = Duration::from_secs(HOUR);
        world.standings.parameters.paused = paused;
        world.ledger.provider = if provider { ProviderState::Active } else { ProviderState::Inactive };
        if two_plans {
            world.ledger.plans.insert(2, PlanState::default());
        }
        let now = world.ledger.time;
        for (number, seed) in (1..).zip(seeds) {
            let node = node(number);
            if let Some((active, score, blacklisted, since)) = seed.standing {
                let standing = NodeStanding { active, stake: U256::from(10), score, blacklisted, since };
                world.standings.nodes.insert(node, standing);
            }
            if let Some((active, quote)) = seed.on_hub {
                world.ledger.nodes.insert(node, NodeOnHub { active, hourly: quote.map(price) });
            }
            if let Some((kind, ago)) = seed.past {
                let at = now - ago;
                let past = match kind {
                    0 => Past::Grace { since: at },
                    1 => Past::Removed { at },
                    _ => Past::Recovering { since: at },
                };
                world.memory.nodes.insert(node, past);
            }
            let active = world.ledger.nodes.get(&node).is_some_and(|node| node.active);
            let Some((quote, ago, renews)) = seed.lease.filter(|_| active && provider) else { continue };
            let id = 1000 + u64::from(number);
            let lease = LeaseState { id, price: price(quote), hours: 10, paid: 0, start: now - ago, renews, always: renews };
            world.paid.push((lease.start, quote * 10));
            world.ledger.leases.insert(node, lease);
            for (plan, linked) in [(1, seed.links.0), (2, seed.links.1)] {
                if let Some(plan) = world.ledger.plans.get_mut(&plan).filter(|_| linked) {
                    plan.links.insert(node);
                }
            }
        }
        world
    }
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(512), failure_persistence: None, ..usual }
}

/// Rounds until nothing more is done, with the operator's consent.
fn settle(world: &mut World) {
    for _ in 0..100 {
        if world.round_with(Some(usize::MAX)).steps.is_empty() {
            return;
        }
    }
    panic!("goes on for ever");
}

proptest! {
    #![proptest_config(config())]

    /// From any state, with money: after patience and dwell have passed, exactly the good nodes that can be leased
    /// are linked, to every plan.
    #[test]
    fn it_converges_to_the_good_nodes(mut world in world()) {
        world.governed.lease.max_per_day = u128::MAX;
        world.standings.parameters.paused = false;
        settle(&mut world);
        for _ in 0..6 {
            world.pass(HOUR);
            settle(&mut world);
        }
        let provider = world.ledger.provider == ProviderState::Active;
        let removed_margin = 320;
        for number in 1..=NODES {
            let linked = world.ledger.plans.values().filter(|plan| plan.links.contains(&node(number))).count();
            let standing = world.standings.nodes.get(&node(number));
            let sound = standing.filter(|standing| standing.active && !standing.blacklisted);
            let on_hub = world.ledger.nodes.get(&node(number));
            let leasable = on_hub.is_some_and(|node| node.active && node.hourly.is_some_and(|price| price.quote <= 100));
            match sound.map(|standing| standing.score) {
                None | Some(..300) => prop_assert_eq!(linked, 0, "node {} is linked", number),
                // Between the bounds it depends on whether it was removed before.
                Some(300..320) => {}
                Some(_) if provider && leasable => {
                    prop_assert_eq!(linked, world.ledger.plans.len(), "node {} is not linked, {}", number, removed_margin);
                }
                Some(_) => {}
            }
        }
    }

    /// Once done, done: the same state gives no further action, and the same input the same answer.
    #[test]
    fn it_is_idempotent_and_deterministic(mut world in world()) {
        prop_assert_eq!(world.decide(None), world.decide(None));
        settle(&mut world);
        let again = world.decide(Some(usize::MAX));
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
    }

    /// The budget bounds whatever the oracle itself starts or renews, over any day.
    #[test]
    fn it_never_spends_more_than_the_budget(mut world in world(), pauses in prop::collection::vec(1_u64..8 * HOUR, 1..20)) {
        let limit = world.governed.lease.max_per_day;
        for pause in pauses {
            let before = world.paid_last_day();
            let decision = world.round();
            let after = world.paid_last_day();
            prop_assert_eq!(after - before, decision.spending.this_round);
            prop_assert!(after <= limit || after == before, "{} of {}", after, limit);
            world.pass(pause);
        }
    }

    /// However the registry lies, no window sees more removals than allowed, and no round more actions.
    #[test]
    fn it_never_passes_the_limits(mut world in world(), lies in prop::collection::vec((1..=NODES, any::<bool>()), 1..30)) {
        let window = world.governed.limits.removal_window.as_secs();
        let allowed = |linked: usize, world: &World| {
            (linked * usize::from(world.governed.limits.max_removed_percent) / 100).max(2)
        };
        let mut gone: Vec<(u64, u8)> = Vec::new();
        for (number, bad) in lies {
            if let Some(standing) = world.standings.nodes.get_mut(&node(number)) {
                standing.blacklisted = bad;
            }
            let linked: Vec<_> = (1..=NODES).filter(|&number| world.ledger.plans.values().any(|plan| plan.links.contains(&node(number)))).collect();
            let decision = world.round();
            prop_assert!(decision.steps.len() <= world.governed.limits.max_actions);
            let now = world.ledger.time;
            gone.retain(|(at, _)| at + window > now);
            for &number in &linked {
                let still = world.ledger.plans.values().any(|plan| plan.links.contains(&node(number)));
                if !still && !gone.iter().any(|&(_, known)| known == number) {
                    gone.push((now, number));
                }
            }
            let base = linked.len() + gone.iter().filter(|(_, number)| !linked.contains(number)).count();
            prop_assert!(gone.len() <= allowed(base, &world), "{} of {}", gone.len(), base);
            world.pass(60);
        }
    }
}
