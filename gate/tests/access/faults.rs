//! Ethereum that fails: never an entry, never a denial either, and a recovery by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sovereign_contracts::dev::Anvil;
use sovereign_contracts::multicall;
use sovereign_contracts::reader::{Reader, ReaderConfig, Unobserved};
use sovereign_gate::access::{Access, AccessConfig, AccessError, Tier};

use crate::town::*;

#[tokio::test]
async fn a_chain_that_stops_and_returns() {
    let town = Town::open_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_millis(500), Duration::from_millis(500));
    })
    .await;
    let holder = town.holder_of(THIS_CARD).await;
    assert_eq!(town.ask(holder).await.tier, Tier::Free);
    assert!(town.access.status().await.problems.is_empty());
    let (state, port) = (town.chain.rpc("anvil_dumpState", json!([])).await.unwrap(), town.anvil.port());
    drop(town.anvil);
    assert_eq!(
        town.access.entitlement(holder, None).await.unwrap().tier,
        Tier::Free,
        "kept answers are told"
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..20 {
        let started = Instant::now();
        let error = town.access.entitlement(holder, None).await.unwrap_err();
        assert!(matches!(error, AccessError::Ethereum(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let problems = town.access.status().await.problems;
    assert_eq!(problems[0].what, "ethereum", "{problems:?}");

    let _again = Anvil::start_on(port, &[]).await.unwrap();
    town.chain.rpc("anvil_loadState", json!([state])).await.unwrap();
    let since = Instant::now();
    loop {
        match town.access.entitlement(holder, None).await {
            Ok(told) => break assert_eq!(told.tier, Tier::Free),
            Err(error) => assert!(since.elapsed() < Duration::from_secs(4), "does not recover: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(town.access.status().await.problems.is_empty());
}

#[tokio::test]
async fn starting_before_the_chain() {
    let town = Town::open().await;
    let holder = town.holder_of(3).await;
    let state = town.chain.rpc("anvil_dumpState", json!([])).await.unwrap();
    let (memes, port) = (town.memes, town.anvil.port());
    drop(town.anvil);
    let access = access(&town.chain, memes, Arc::default(), |_| {});
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.follow_ids().await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let what: Vec<_> = access.status().await.problems.into_iter().map(|problem| problem.what).collect();
    assert_eq!(what, ["ethereum", "cards"]);

    let _again = Anvil::start_on(port, &[]).await.unwrap();
    town.chain.rpc("anvil_loadState", json!([state])).await.unwrap();
    assert_eq!(access.entitlement(holder, None).await.unwrap().tier, Tier::Paid, "waits for the cards");
    assert!(access.status().await.problems.is_empty());
}

#[tokio::test]
async fn contracts_that_are_not_there_are_named() {
    let anvil = Anvil::start(&[]).await.unwrap();
    let reader = ReaderConfig {
        rpc_addrs: vec![anvil.url()],
        chain_id: 31337,
        timeout: Duration::from_secs(1),
        ..ReaderConfig::default()
    };
    let reader = Arc::new(Reader::new(reader, Arc::new(Unobserved)).unwrap());
    let access = Access::new(AccessConfig::default(), reader).unwrap();
    let text = |problems: Vec<sovereign_gate::access::Problem>| format!("{problems:?}");
    assert!(text(access.status().await.problems).contains("no Multicall3"));
    let chain = anvil.chain();
    chain.place_stand_ins().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    access.status().await;
    assert!(access.entitlement(DEPLOYER, None).await.is_err(), "cards that are not there are no zero");
    assert_ne!(multicall::CANONICAL, DEPLOYER);
}

#[tokio::test]
async fn another_chain_lets_nobody_in() {
    let town = Town::open().await;
    let holder = town.holder_of(3).await;
    town.chain.rpc("anvil_setChainId", json!([5])).await.unwrap();
    let error = town.access.entitlement(holder, None).await.unwrap_err().to_string();
    assert!(error.contains("is on chain 5"), "{error}");
}
