//! Both chains: a thousand nodes in the registry, and how soon an event there is a link on the hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_oracle::ledger::HubLedger;
use bridge_oracle::reconcile::Memory;
use bridge_oracle::round::Eyes;
use bridge_oracle::standing::Follower;
use bridge_oracle::submit::Submit as _;
use serde_json::json;

use crate::chain::DENOM;
use crate::contracts::{self, Calls, LATER};
use crate::town::PLAN;
use crate::world::World;

const NODES: u32 = 1000;
const EVENTS: u16 = 20;
/// As in the template of the configuration.
const PAGE: usize = 500;

/// What reading the registry costs.
pub(crate) async fn registry() {
    let town = contracts::Town::open().await;
    town.register(0..NODES).await;
    town.settle().await;
    let calls = Arc::new(Calls::default());
    let reader = town.reader(&[town.anvil.url()], Arc::clone(&calls));
    reader.probe(Duration::ZERO).await;
    calls.take();
    let mut follower = Follower::new(reader, &town.governed.ethereum, PAGE, LATER);
    let begin = Instant::now();
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), NODES as usize);
    let (whole, seconds) = (calls.take(), begin.elapsed().as_secs_f64());
    town.mine(5).await;
    follower.refresh().await.unwrap();
    let idle = calls.take();
    town.score(7, 700).await;
    town.settle().await;
    follower.refresh().await.unwrap();
    let figures =
        json!({ "seconds": seconds, "calls": whole, "calls_idle": idle, "calls_one_change": calls.take() });
    println!("{}", json!({ "name": "oracle: the registry of 1000 nodes", "figures": figures }));
    assert!(whole <= 5 && idle <= 3, "{whole} calls for everything, {idle} without a change");
}

/// From a settled event to the block of the hub that holds the link.
pub(crate) async fn events() {
    let world = World::open(EVENTS).await;
    let governed = world.ethereum.governed.clone();
    let (follower, calls) = world.ethereum.follower(LATER).await;
    let ledger = HubLedger::new(world.hub.hub.clone(), world.hub.provider_address(), &[PLAN], DENOM);
    let mut eyes = Eyes { governed, follower, ledger };
    let submit = world.hub.oracle(world.home.path());
    let (mut memory, mut blocks, mut seconds) = (Memory::default(), Vec::new(), Vec::new());
    for index in 0..EVENTS {
        world.register(index).await;
        world.ethereum.settle().await;
        let (begin, height) = (Instant::now(), world.hub.hub.latest_height().await.unwrap());
        let view = eyes.look(&memory, None).await.unwrap();
        let actions: Vec<_> = view.decision.steps.iter().map(|step| step.action.clone()).collect();
        let outcome = submit.submit(u64::from(index), &actions).await.unwrap();
        assert_eq!((actions.len(), outcome.done.len()), (2, 2), "{:?}", outcome.refused);
        blocks.push(outcome.height - height);
        seconds.push(begin.elapsed().as_secs_f64());
        memory = view.decision.memory;
    }
    blocks.sort_unstable();
    seconds.sort_by(f64::total_cmp);
    let middle = blocks.len() / 2;
    let figures = json!({ "events": EVENTS, "blocks_p50": blocks[middle], "blocks_most": blocks[blocks.len() - 1],
        "seconds_p50": seconds[middle], "seconds_most": seconds[seconds.len() - 1] });
    println!("{}", json!({ "name": "oracle: settled event to hub link", "figures": figures }));

    calls.take();
    world.ethereum.mine(5).await;
    eyes.look(&memory, None).await.unwrap();
    calls.take();
    let asked = world.hub.hub.asked();
    world.ethereum.mine(5).await;
    let view = eyes.look(&memory, None).await.unwrap();
    assert!(view.decision.steps.is_empty());
    let (ethereum, hub) = (calls.take(), world.hub.hub.asked() - asked);
    println!(
        "{}",
        json!({ "name": "oracle: a round without change", "figures": { "ethereum": ethereum, "hub": hub } })
    );
    assert!(ethereum <= 3 && hub <= 3, "{ethereum} calls and {hub} questions");
    assert!(blocks[middle] <= 2, "{blocks:?}");
}
