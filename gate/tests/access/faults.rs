//! Failures of Ethereum: they neither entitle nor deny, and answers recover without intervention.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use futures::FutureExt as _;
use serde_json::json;
use sovereign_contracts::dev::Anvil;
use sovereign_contracts::multicall;
use sovereign_contracts::reader::{NoopObserver, Reader, ReaderConfig};
use sovereign_gate::access::{Access, AccessConfig, AccessError, EntitlementQuery, Tier, Via};

use crate::fixture::*;
use crate::proxy;

#[tokio::test]
async fn answers_return_with_the_chain() {
    let fixture = Fixture::start_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_millis(500), Duration::from_millis(500));
    })
    .await;
    let holder = fixture.holder_of(THIS_CARD).await;
    assert_eq!(fixture.ask(holder).await.tier, Tier::Free);
    assert!(fixture.access.status().await.problems.is_empty());
    let (state, port) =
        (fixture.chain.rpc("anvil_dumpState", json!([])).await.unwrap(), fixture.anvil.port());
    drop(fixture.anvil);
    assert_eq!(
        fixture.access.summary(holder, None).await.unwrap().tier,
        Tier::Free,
        "kept answers are answer"
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..20 {
        let started = Instant::now();
        let error = fixture.access.summary(holder, None).await.unwrap_err();
        assert!(matches!(error, AccessError::Ethereum(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let problems = fixture.access.status().await.problems;
    assert_eq!(problems[0].part, "ethereum", "{problems:?}");

    let _again = Anvil::start_on(port, &[]).await.unwrap();
    fixture.chain.rpc("anvil_loadState", json!([state])).await.unwrap();
    let since = Instant::now();
    loop {
        match fixture.access.summary(holder, None).await {
            Ok(answer) => break assert_eq!(answer.tier, Tier::Free),
            Err(error) => assert!(since.elapsed() < Duration::from_secs(4), "does not recover: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(fixture.access.status().await.problems.is_empty());
}

#[tokio::test]
async fn first_question_waits_for_the_chain() {
    let fixture = Fixture::start().await;
    let holder = fixture.holder_of(3).await;
    let state = fixture.chain.rpc("anvil_dumpState", json!([])).await.unwrap();
    let (memes, port) = (fixture.memes, fixture.anvil.port());
    drop(fixture.anvil);
    let access = access(&fixture.chain, memes, Arc::default(), |_| {});
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.discover_card_ids().await });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let what: Vec<_> = access.status().await.problems.into_iter().map(|problem| problem.part).collect();
    assert_eq!(what, ["ethereum", "cards"]);

    let _again = Anvil::start_on(port, &[]).await.unwrap();
    fixture.chain.rpc("anvil_loadState", json!([state])).await.unwrap();
    assert_eq!(access.summary(holder, None).await.unwrap().tier, Tier::Paid, "waits for the cards");
    assert!(access.status().await.problems.is_empty());
}

#[tokio::test]
async fn status_names_missing_contracts() {
    let anvil = Anvil::start(&[]).await.unwrap();
    let reader = ReaderConfig {
        rpc_addrs: vec![anvil.url()],
        chain_id: 31337,
        timeout: Duration::from_secs(1),
        ..ReaderConfig::default()
    };
    let reader = Arc::new(Reader::new(reader, Arc::new(NoopObserver)).unwrap());
    let access = Access::new(AccessConfig::default(), reader).unwrap();
    let text = |problems: Vec<sovereign_gate::access::Problem>| format!("{problems:?}");
    assert!(text(access.status().await.problems).contains("no Multicall3"));
    let chain = anvil.chain();
    chain.place_stand_ins().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    access.status().await;
    assert!(access.summary(DEPLOYER, None).await.is_err(), "cards that are not there are no zero");
    assert_ne!(multicall::CANONICAL, DEPLOYER);
}

#[tokio::test]
async fn refuses_a_provider_of_another_chain() {
    let fixture = Fixture::start().await;
    let holder = fixture.holder_of(3).await;
    fixture.chain.rpc("anvil_setChainId", json!([5])).await.unwrap();
    let error = fixture.access.summary(holder, None).await.unwrap_err().to_string();
    assert!(error.contains("is on chain 5"), "{error}");
}

/// The second read concerns vaults, possibly of third parties: if it fails, own cards count, and a wallet without own
/// cards is not denied.
#[tokio::test]
async fn failing_read_of_the_vaults_leaves_own_cards() {
    let fixture = Fixture::start().await;
    let (vault, holder, hot) =
        (fixture.holder_of(THIS_CARD).await, fixture.holder_of(3).await, fixture.fresh_wallet());
    for wallet in [holder, hot] {
        fixture.xyz_all(vault, wallet, B256::ZERO, true).await;
    }
    let answered = Arc::new(AtomicUsize::new(usize::MAX));
    let left = Arc::clone(&answered);
    let hook = move |body: String| {
        let is_answered =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        async move { is_answered.then_some(body) }.boxed()
    };
    let chain = proxy::start(&fixture.chain, hook).await;
    let access = access(&chain, fixture.memes, Arc::default(), |config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(600), Duration::from_millis(300));
    });
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.discover_card_ids().await });
    access.summary(fixture.fresh_wallet(), None).await.unwrap();

    let (own, through) = ((None, Via::Own, Tier::Paid), (Some(vault), Via::DelegateXyz, Tier::Free));
    answered.store(1, Ordering::SeqCst);
    let partial = access.entitlement(EntitlementQuery::Listed { wallet: holder }).await.unwrap();
    assert_eq!(outline(&partial.bases), [own]);
    assert!(partial.is_partial);
    answered.store(1, Ordering::SeqCst);
    let named = access.entitlement(EntitlementQuery::named(holder, None)).await.unwrap();
    assert!(outline(&named.bases) == [own] && !named.is_partial);
    answered.store(1, Ordering::SeqCst);
    let error = access.entitlement(EntitlementQuery::Listed { wallet: hot }).await.unwrap_err();
    assert!(matches!(error, AccessError::Ethereum(_)), "{error}");

    answered.store(usize::MAX, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let whole = access.entitlement(EntitlementQuery::Listed { wallet: holder }).await.unwrap();
    assert_eq!(outline(&whole.bases), [own, through]);
    assert!(!whole.is_partial);
}
