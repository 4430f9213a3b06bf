//! Benchmarks over both chains: reading a registry of one thousand nodes, and the delay from an event to a link.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_oracle::ledger::HubLedger;
use bridge_oracle::reconcile::ReconcileState;
use bridge_oracle::round::ChainView;
use bridge_oracle::standing::Follower;
use bridge_oracle::submit::Submit as _;
use serde_json::json;

use crate::chain::DENOM;
use crate::ethereum_fixture::{self, Calls, LATER};
use crate::fixture::BridgeFixture;
use crate::hub_fixture::PLAN;

const NODES: u32 = 1000;
const EVENTS: u16 = 20;
/// Page size of the configuration template.
const PAGE: usize = 500;

/// Measures the cost of reading the registry.
pub(crate) async fn registry() {
    let fixture = ethereum_fixture::EthereumFixture::open().await;
    fixture.register(0..NODES).await;
    fixture.settle().await;
    let calls = Arc::new(Calls::default());
    let reader = fixture.reader(&[fixture.anvil.url()], Arc::clone(&calls));
    reader.probe(Duration::ZERO).await;
    calls.take();
    let mut follower = Follower::new(reader, &fixture.governed.ethereum, PAGE, LATER);
    let begin = Instant::now();
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), NODES as usize);
    let (whole, seconds) = (calls.take(), begin.elapsed().as_secs_f64());
    fixture.mine(5).await;
    follower.refresh().await.unwrap();
    let idle = calls.take();
    fixture.score(7, 700).await;
    fixture.settle().await;
    follower.refresh().await.unwrap();
    let figures =
        json!({ "seconds": seconds, "calls": whole, "calls_idle": idle, "calls_one_change": calls.take() });
    println!("{}", json!({ "name": "oracle: the registry of 1000 nodes", "figures": figures }));
    assert!(whole <= 5 && idle <= 3, "{whole} calls for everything, {idle} without a change");
}

/// Measures the delay from a settled event to the hub block that holds the link.
pub(crate) async fn events() {
    let fixture = BridgeFixture::open(EVENTS).await;
    let governed = fixture.ethereum.governed.clone();
    let (follower, calls) = fixture.ethereum.follower(LATER).await;
    let ledger = HubLedger::new(fixture.hub.hub.clone(), fixture.hub.provider_address(), &[PLAN], DENOM);
    let mut chain_view = ChainView { governed, follower, ledger };
    let submit = fixture.hub.oracle(fixture.home.path());
    let (mut state, mut blocks, mut seconds) = (ReconcileState::default(), Vec::new(), Vec::new());
    for index in 0..EVENTS {
        fixture.register(index).await;
        fixture.ethereum.settle().await;
        let (begin, height) = (Instant::now(), fixture.hub.hub.latest_height().await.unwrap());
        let view = chain_view.observe(&state, None).await.unwrap();
        let actions: Vec<_> = view.decision.steps.iter().map(|step| step.action.clone()).collect();
        let outcome = submit.submit(u64::from(index), &actions).await.unwrap();
        assert_eq!((actions.len(), outcome.done.len()), (2, 2), "{:?}", outcome.refused);
        blocks.push(outcome.height - height);
        seconds.push(begin.elapsed().as_secs_f64());
        state = view.decision.next_state;
    }
    blocks.sort_unstable();
    seconds.sort_by(f64::total_cmp);
    let middle = blocks.len() / 2;
    let figures = json!({ "events": EVENTS, "blocks_p50": blocks[middle], "blocks_most": blocks[blocks.len() - 1],
        "seconds_p50": seconds[middle], "seconds_most": seconds[seconds.len() - 1] });
    println!("{}", json!({ "name": "oracle: settled event to hub link", "figures": figures }));

    calls.take();
    fixture.ethereum.mine(5).await;
    chain_view.observe(&state, None).await.unwrap();
    calls.take();
    let asked = fixture.hub.hub.request_count();
    fixture.ethereum.mine(5).await;
    let view = chain_view.observe(&state, None).await.unwrap();
    assert!(view.decision.steps.is_empty());
    let (ethereum, hub) = (calls.take(), fixture.hub.hub.request_count() - asked);
    println!(
        "{}",
        json!({ "name": "oracle: a round without change", "figures": { "ethereum": ethereum, "hub": hub } })
    );
    assert!(ethereum <= 3 && hub <= 3, "{ethereum} calls and {hub} questions");
    assert!(blocks[middle] <= 2, "{blocks:?}");
}
