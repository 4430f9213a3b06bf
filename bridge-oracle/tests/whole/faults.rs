//! Faults on either chain: the oracle never makes a wrong link, always converges, and pays nothing twice.

use std::process::Command;
use std::time::{Duration, SystemTime};

use bridge_oracle::messages::MESSAGE_TYPES;
use bridge_oracle::policy::Finality;
use bridge_oracle::reconcile::Action;
use bridge_oracle::round::RoundError;
use bridge_oracle::standing::StandingError;
use bridge_oracle::submit::SubmitError;
use sentinel_proto::tx::TypedMessage as _;
use sentinel_proto::wire::sentinel::plan::v3::MsgLinkNodeRequest;
use serde_json::json;

use crate::ethereum_fixture;
use crate::fixture::{self, BridgeFixture, Oracle};
use crate::hub_fixture::{self, HOURLY, HOURS, until};

/// Longer than any test.
const DAY: Duration = Duration::from_secs(86_400);

/// Asserts that no lease was started twice or for a foreign node: identifiers without a gap, as many as nodes.
async fn spent_once(fixture: &BridgeFixture, nodes: usize) {
    let ledger = fixture.hub.ledger().await;
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap_or_default();
    assert_eq!((ledger.leases.len(), last), (nodes, nodes as u64), "{ledger:?}");
    assert!(ledger.leases.values().all(|lease| (lease.price.quote, lease.hours) == (HOURLY, HOURS)));
}

async fn reorganise(fixture: &BridgeFixture, blocks: u64) {
    fixture.ethereum.chain.rpc("anvil_reorg", json!([blocks, []])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reorganised_registration_is_not_linked_or_unlinked_again() {
    let mut fixture = BridgeFixture::open(2).await;
    fixture.ethereum.governed.ethereum.finality = Finality::Depth(4);
    fixture.approve().await;
    fixture.ethereum.mine(4).await;
    let mut oracle = fixture.oracle().await;
    oracle.run_round(None).await.unwrap();
    // Above the finality depth: a registration two blocks ago is reorganised away.
    fixture.register(0).await;
    fixture.ethereum.mine(1).await;
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty());
    reorganise(&fixture, 3).await;
    fixture.ethereum.mine(8).await;
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty());
    assert!(fixture.hub.ledger().await.leases.is_empty(), "nothing was paid for it");

    // Below the finality depth: a linked node is reorganised away. The next round removes it.
    fixture.register(1).await;
    fixture.ethereum.mine(5).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(1).await);
    reorganise(&fixture, 8).await;
    fixture.ethereum.mine(8).await;
    let labels: Vec<_> =
        oracle.run_round(None).await.unwrap().decision.steps.iter().map(|step| step.action.label()).collect();
    assert_eq!(labels, ["unlink", "end_lease"]);
    assert!(fixture.links().await.is_empty());

    // The node registers again.
    fixture.register(1).await;
    fixture.ethereum.mine(6).await;
    until_linked(&fixture, &mut oracle, 1).await;
}

async fn until_linked(fixture: &BridgeFixture, oracle: &mut Oracle, index: usize) {
    for _ in 0..20 {
        // The next round repeats a failed action.
        let _ = oracle.run_round(None).await;
        if fixture.is_linked(index).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("node {index} is not linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lying_provider_links_no_node_and_disagreement_stops_rounds() {
    let mut fixture = BridgeFixture::open(2).await;
    fixture.ethereum.governed.ethereum.quorum = 2;
    fixture.approve().await;
    fixture.register(0).await;
    fixture.ethereum.settle().await;
    // The same contracts at the same addresses, the same approval, and another node in the registry.
    let mut liar = ethereum_fixture::EthereumFixture::open().await;
    liar.governed = fixture.ethereum.governed.clone();
    fixture::approve(&liar).await;
    fixture::register(&liar, 1).await;
    liar.mine(40).await;
    let (lie, [one, two]) = (liar.anvil.url(), fixture.ethereum.urls());

    let mut oracle = fixture.oracle_of(&[lie.clone(), one.clone(), two]).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(0).await && !fixture.is_linked(1).await);
    drop(oracle);

    // Two providers that disagree: the oracle does nothing until they agree.
    fixture.slash(0, 100).await;
    fixture.ethereum.settle().await;
    let mut oracle = fixture.oracle_of(&[lie, one]).await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Standing(StandingError::Read(_))), "{error}");
    assert!(fixture.is_linked(0).await && !fixture.is_linked(1).await);
    drop((oracle, liar));
    let mut oracle = fixture.oracle_of(&fixture.ethereum.urls()).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.links().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn does_nothing_while_all_providers_lag() {
    let mut fixture = BridgeFixture::open(1).await;
    fixture.ethereum.governed.ethereum.max_age = Duration::from_secs(4);
    fixture.approve().await;
    let mut oracle = fixture.oracle().await;
    fixture.register(0).await;
    fixture.ethereum.settle().await;
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let newest = fixture.ethereum.chain.now().await.unwrap();
    tokio::time::sleep(Duration::from_secs(newest.saturating_sub(now()) + 6)).await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Standing(StandingError::Stale { .. })), "{error}");
    assert!(fixture.links().await.is_empty());
    fixture.ethereum.mine(4).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(0).await);
    spent_once(&fixture, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_expired_or_exhausted_grants_only_delay_actions() {
    let fixture = BridgeFixture::open(4).await;
    let mut oracle = fixture.oracle().await;
    let not_permitted =
        |error: &RoundError| matches!(error, RoundError::Submit(SubmitError::NotPermitted(_)));

    // Links are not granted: the lease is, and it is started only once.
    fixture.hub.revoke(MsgLinkNodeRequest::TYPE_URL).await;
    fixture.register(0).await;
    fixture.settled_round(&mut oracle).await;
    assert!(!fixture.is_linked(0).await);
    spent_once(&fixture, 1).await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    fixture.hub.grant(&MESSAGE_TYPES, SystemTime::now() + DAY).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(0).await);

    // All grants have expired.
    fixture.hub.grant(&MESSAGE_TYPES, SystemTime::now() + Duration::from_secs(4)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    fixture.register(1).await;
    fixture.ethereum.settle().await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    fixture.hub.grant(&MESSAGE_TYPES, SystemTime::now() + DAY).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(1).await);

    // No fee grant, and one that is too small.
    fixture.hub.take_fees().await;
    fixture.register(2).await;
    fixture.ethereum.settle().await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    fixture.hub.give_fees(1000).await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(not_permitted(&error), "{error}");
    fixture.hub.take_fees().await;
    fixture.hub.give_fees(1_000_000_000_000).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(2).await);
    spent_once(&fixture, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_frozen_or_rolled_back_hub_without_paying_twice() {
    let mut fixture = BridgeFixture::open(4).await;
    let mut oracle = fixture.oracle().await;
    fixture.register(0).await;
    fixture.settled_round(&mut oracle).await;

    // The hub is frozen before the round, longer than a query's timeout.
    fixture.register(1).await;
    fixture.ethereum.settle().await;
    fixture.hub.chain.freeze().unwrap();
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Ledger(_)), "{error}");
    fixture.hub.chain.thaw().unwrap();
    up(&fixture).await;
    until_linked(&fixture, &mut oracle, 1).await;

    // The hub is frozen while a transaction is pending.
    fixture.register(2).await;
    fixture.ethereum.settle().await;
    let frozen = {
        let task = tokio::spawn(async move { (oracle.run_round(None).await.map(drop), oracle) });
        tokio::time::sleep(Duration::from_millis(300)).await;
        fixture.hub.chain.freeze().unwrap();
        tokio::time::sleep(Duration::from_secs(12)).await;
        fixture.hub.chain.thaw().unwrap();
        task
    };
    let (_, mut oracle) = frozen.await.unwrap();
    up(&fixture).await;
    until_linked(&fixture, &mut oracle, 2).await;
    spent_once(&fixture, 3).await;

    // The hub is rolled back to a state before the third node: this run rejects it, the next one follows it.
    fixture.hub.chain.halt();
    let (data, saved) = (fixture.hub.chain.data(), fixture.hub.chain.home().join("saved"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&data, &saved);
    fixture.hub.chain.resume().unwrap();
    up(&fixture).await;
    fixture.register(3).await;
    fixture.ethereum.settle().await;
    until_linked(&fixture, &mut oracle, 3).await;
    fixture.hub.chain.halt();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&saved, &data);
    fixture.hub.chain.resume().unwrap();
    fixture.hub.hub = hub_fixture::client(&fixture.hub.chain);
    up(&fixture).await;
    drop(oracle);
    let mut oracle = fixture.oracle().await;
    oracle.resume().await.unwrap();
    until_linked(&fixture, &mut oracle, 3).await;
    spent_once(&fixture, 4).await;
    let view = oracle.run_round(None).await.unwrap();
    assert!(!view.decision.steps.iter().any(|step| matches!(step.action, Action::StartLease { .. })));
}

async fn up(fixture: &BridgeFixture) {
    let height = until("the hub's return", async || fixture.hub.hub.latest_height().await.ok()).await;
    until("a new block", async || fixture.hub.hub.latest_height().await.ok().filter(|now| *now > height))
        .await;
}
