//! Calls per decision: one, or two where a vault has to be looked at.

use std::time::Duration;

use alloy::primitives::B256;
use sovereign_gate::access::Tier;

use crate::town::*;

#[tokio::test]
async fn one_call_or_two() {
    let town = Town::open().await;
    let (nobody, paid, free) = (town.somebody(), town.holder_of(3).await, town.holder_of(THIS_CARD).await);
    assert_eq!(town.cost(town.ask(nobody)).await, 1, "nothing");
    assert_eq!(town.cost(town.ask(paid)).await, 1, "a card");
    assert_eq!(town.cost(town.ask(free)).await, 1, "THIS card");

    let hot = town.somebody();
    town.register(paid, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(town.cost(town.ask(hot)).await, 2, "a delegation");
    town.xyz_all(free, hot, B256::ZERO, true).await;
    assert_eq!(town.cost(town.ask(hot)).await, 2, "two registries");
    assert_eq!(town.cost(town.ask_naming(hot, free)).await, 1, "the vault is named and gives the best");

    town.xyz_all(paid, free, B256::ZERO, true).await;
    assert_eq!(town.cost(town.ask(free)).await, 1, "no vault can improve on THIS card");
}

#[tokio::test]
async fn fifty_sign_ins_of_one_wallet_are_one_call() {
    let town = Town::open_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(60), Duration::from_secs(60));
    })
    .await;
    for wallet in [town.holder_of(3).await, town.somebody()] {
        let all = futures::future::join_all((0..50).map(|_| town.ask(wallet)));
        assert_eq!(town.cost(all).await, 1);
        assert_eq!(town.cost(town.ask(wallet)).await, 0, "kept");
        town.access.invalidate(wallet);
        assert_eq!(town.cost(town.ask(wallet)).await, 1, "something happened");
    }
}

#[tokio::test]
async fn what_is_kept_is_told_until_something_happens() {
    let town = Town::open_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(60), Duration::from_millis(300));
    })
    .await;
    let (vault, hot) = (town.somebody(), town.somebody());
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(town.ask(hot).await.tier, Tier::Denied);
    town.give(vault, 3).await;
    assert_eq!(town.ask(hot).await.tier, Tier::Denied, "a denial is kept for a moment");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(town.ask(hot).await.tier, Tier::Paid);
    town.xyz_all(hot, town.somebody(), B256::ZERO, true).await;
    assert_eq!(town.cost(town.ask(hot)).await, 0);
    town.access.invalidate(vault);
    assert_eq!(town.cost(town.ask(hot)).await, 2, "something happened to the vault");
    town.access.invalidate_all(0);
    assert_eq!(town.cost(town.ask(hot)).await, 2);
}
