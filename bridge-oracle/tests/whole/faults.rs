//! What goes wrong on either chain while the oracle stands between them: never a wrong link, always convergence, no
//! money spent twice.

use std::process::Command;
use std::time::{Duration, SystemTime};

use bridge_oracle::policy::Finality;
use bridge_oracle::reconcile::Action;
use bridge_oracle::round::RoundError;
use bridge_oracle::standing::StandingError;
use bridge_oracle::submit::SubmitError;
use bridge_oracle::submit::messages::TYPES;
use sentinel_proto::tx::Typed as _;
use sentinel_proto::wire::sentinel::plan::v3::MsgLinkNodeRequest;
use serde_json::json;

use crate::contracts;
use crate::town::{self, HOURLY, HOURS, until};
use crate::world::{self, Oracle, World};

/// Far in the future of a test.
const DAY: Duration = Duration::from_secs(86_400);

/// No lease was started twice, and nobody else's node was: numbers without a gap, as many as nodes.
async fn spent_once(world: &World, nodes: usize) {
    let ledger = world.hub.ledger().await;
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap_or_default();
    assert_eq!((ledger.leases.len(), last), (nodes, nodes as u64), "{ledger:?}");
    assert!(ledger.leases.values().all(|lease| (lease.price.quote, lease.hours) == (HOURLY, HOURS)));
}

async fn reorganise(world: &World, blocks: u64) {
    world.ethereum.chain.rpc("anvil_reorg", json!([blocks, []])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reorganisation_undoes_is_never_linked_or_is_unlinked_again() {
    let mut world = World::open(2).await;
    world.ethereum.governed.ethereum.finality = Finality::Depth(4);
    world.approve().await;
    world.ethereum.mine(4).await;
    let mut oracle = world.oracle().await;
    oracle.round(None).await.unwrap();
    // Above the depth: registered two blocks ago, and then it never happened.
    world.register(0).await;
    world.ethereum.mine(1).await;
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty());
    reorganise(&world, 3).await;
    world.ethereum.mine(8).await;
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty());
    assert!(world.hub.ledger().await.leases.is_empty(), "nothing was paid for it");

    // Below it: linked, and then it never happened. The next round takes it out again.
    world.register(1).await;
    world.ethereum.mine(5).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(1).await);
    reorganise(&world, 8).await;
    world.ethereum.mine(8).await;
    let labels: Vec<_> =
        oracle.round(None).await.unwrap().decision.steps.iter().map(|step| step.action.label()).collect();
    assert_eq!(labels, ["unlink", "end_lease"]);
    assert!(world.links().await.is_empty());

    // And happens after all.
    world.register(1).await;
    world.ethereum.mine(6).await;
    until_linked(&world, &mut oracle, 1).await;
}

async fn until_linked(world: &World, oracle: &mut Oracle, index: usize) {
    for _ in 0..20 {
        // What fails is tried again by the next round.
        let _ = oracle.round(None).await;
        if world.is_linked(index).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("node {index} is not linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lying_provider_links_nobody_and_two_of_three_stop_everything() {
    let mut world = World::open(2).await;
    world.ethereum.governed.ethereum.quorum = 2;
    world.approve().await;
    world.register(0).await;
    world.ethereum.settle().await;
    // The same contracts at the same addresses, the same approval, and another node in the registry.
    let mut liar = contracts::Town::open().await;
    liar.governed = world.ethereum.governed.clone();
    world::approve(&liar).await;
    world::register(&liar, 1).await;
    liar.mine(40).await;
    let (lie, [one, two]) = (liar.anvil.url(), world.ethereum.urls());

    let mut oracle = world.oracle_of(&[lie.clone(), one.clone(), two]).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(0).await && !world.is_linked(1).await);
    drop(oracle);

    // Two that do not agree: nothing is done, whatever happens, until they do.
    world.slash(0, 100).await;
    world.ethereum.settle().await;
    let mut oracle = world.oracle_of(&[lie, one]).await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Standing(StandingError::Read(_))), "{error}");
    assert!(world.is_linked(0).await && !world.is_linked(1).await);
    drop((oracle, liar));
    let mut oracle = world.oracle_of(&world.ethereum.urls()).await;
    oracle.round(None).await.unwrap();
    assert!(world.links().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_providers_are_behind_nothing_is_done() {
    let mut world = World::open(1).await;
    world.ethereum.governed.ethereum.max_age = Duration::from_secs(4);
    world.approve().await;
    let mut oracle = world.oracle().await;
    world.register(0).await;
    world.ethereum.settle().await;
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let newest = world.ethereum.chain.now().await.unwrap();
    tokio::time::sleep(Duration::from_secs(newest.saturating_sub(now()) + 6)).await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Standing(StandingError::Stale { .. })), "{error}");
    assert!(world.links().await.is_empty());
    world.ethereum.mine(4).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(0).await);
    spent_once(&world, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_and_expired_and_dry_grants_hold_it_up_and_nothing_else() {
    let world = World::open(4).await;
    let mut oracle = world.oracle().await;
    let not_permitted =
        |error: &RoundError| matches!(error, RoundError::Submit(SubmitError::NotPermitted(_)));

    // Links are not granted: the lease is, and it is not taken a second time.
    world.hub.revoke(MsgLinkNodeRequest::TYPE_URL).await;
    world.register(0).await;
    world.settled_round(&mut oracle).await;
    assert!(!world.is_linked(0).await);
    spent_once(&world, 1).await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    world.hub.grant(&TYPES, SystemTime::now() + DAY).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(0).await);

    // All of them have ended.
    world.hub.grant(&TYPES, SystemTime::now() + Duration::from_secs(4)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.register(1).await;
    world.ethereum.settle().await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    world.hub.grant(&TYPES, SystemTime::now() + DAY).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(1).await);

    // No fees, and too few.
    world.hub.take_fees().await;
    world.register(2).await;
    world.ethereum.settle().await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    world.hub.give_fees(1000).await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    world.hub.take_fees().await;
    world.hub.give_fees(1_000_000_000_000).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(2).await);
    spent_once(&world, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_freezes_or_is_set_back_is_waited_for_and_nothing_is_paid_twice() {
    let mut world = World::open(4).await;
    let mut oracle = world.oracle().await;
    world.register(0).await;
    world.settled_round(&mut oracle).await;

    // Frozen before the round, and longer than a question waits.
    world.register(1).await;
    world.ethereum.settle().await;
    world.hub.chain.freeze().unwrap();
    let error = oracle.round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Ledger(_)), "{error}");
    world.hub.chain.thaw().unwrap();
    up(&world).await;
    until_linked(&world, &mut oracle, 1).await;

    // Frozen while a transaction is on its way.
    world.register(2).await;
    world.ethereum.settle().await;
    let frozen = {
        let task = tokio::spawn(async move { (oracle.round(None).await.map(drop), oracle) });
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.hub.chain.freeze().unwrap();
        tokio::time::sleep(Duration::from_secs(12)).await;
        world.hub.chain.thaw().unwrap();
        task
    };
    let (_, mut oracle) = frozen.await.unwrap();
    up(&world).await;
    until_linked(&world, &mut oracle, 2).await;
    spent_once(&world, 3).await;

    // Set back to a state before the third: not believed by this run, followed by the next one.
    world.hub.chain.halt();
    let (data, saved) = (world.hub.chain.data(), world.hub.chain.home().join("saved"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&data, &saved);
    world.hub.chain.resume().unwrap();
    up(&world).await;
    world.register(3).await;
    world.ethereum.settle().await;
    until_linked(&world, &mut oracle, 3).await;
    world.hub.chain.halt();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&saved, &data);
    world.hub.chain.resume().unwrap();
    world.hub.hub = town::client(&world.hub.chain);
    up(&world).await;
    drop(oracle);
    let mut oracle = world.oracle().await;
    oracle.resume().await.unwrap();
    until_linked(&world, &mut oracle, 3).await;
    spent_once(&world, 4).await;
    let view = oracle.round(None).await.unwrap();
    assert!(!view.decision.steps.iter().any(|step| matches!(step.action, Action::StartLease { .. })));
}

async fn up(world: &World) {
    let height = until("the hub's return", async || world.hub.hub.latest_height().await.ok()).await;
    until("a new block", async || world.hub.hub.latest_height().await.ok().filter(|now| *now > height)).await;
}
