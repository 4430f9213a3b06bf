//! Calls per question: a named one costs one, a listed one costs two where the lists name a vault.

use std::time::Duration;

use alloy::primitives::B256;
use sovereign_gate::access::{Question, Tier};

use crate::town::*;

#[tokio::test]
async fn listed_question_costs_two_calls_only_if_lists_name_a_vault() {
    let town = Town::open().await;
    let (nobody, paid, free) = (town.somebody(), town.holder_of(3).await, town.holder_of(THIS_CARD).await);
    let cost = async |wallet| town.cost(town.bases(Question::Listed { wallet })).await;
    assert_eq!(cost(nobody).await, 1, "nothing");
    assert_eq!(cost(paid).await, 1, "a card");
    assert_eq!(cost(free).await, 1, "THIS card");

    let hot = town.somebody();
    town.register(paid, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(cost(hot).await, 2, "a delegation");
    town.xyz_all(free, hot, B256::ZERO, true).await;
    assert_eq!(cost(hot).await, 2, "two registries");
    town.xyz_all(paid, free, B256::ZERO, true).await;
    assert_eq!(cost(free).await, 2, "own cards do not hide the vaults");
}

#[tokio::test]
async fn named_question_costs_one_call() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(3).await, town.somebody());
    let questions = [None, Some(vault), Some(town.somebody()), Some(hot)];
    let questions = questions.map(|vault| Question::named(hot, vault));
    for round in 0..4 {
        match round {
            0 => {}
            1 => town.register(vault, hot, (town.memes, 1), FOREVER, None).await,
            2 => town.xyz_all(vault, hot, B256::ZERO, true).await,
            _ => town.give(hot, THIS_CARD).await,
        }
        for question in questions {
            assert_eq!(town.cost(town.bases(question)).await, 1, "round {round}: {question:?}");
        }
    }
}

#[tokio::test]
async fn summary_asks_the_lists_unless_the_named_vault_gives_the_best() {
    let town = Town::open().await;
    let (paid, free, hot) = (town.holder_of(3).await, town.holder_of(THIS_CARD).await, town.somebody());
    town.register(paid, hot, (town.memes, 1), FOREVER, None).await;
    town.xyz_all(free, hot, B256::ZERO, true).await;
    assert_eq!(town.cost(town.ask(hot)).await, 2, "no vault is named");
    assert_eq!(town.cost(town.ask_naming(hot, free)).await, 1, "the best is named");
    assert_eq!(town.cost(town.ask_naming(hot, paid)).await, 3, "the lists may know a better one");
    assert_eq!(town.cost(town.ask_naming(hot, hot)).await, 2, "no vault of this wallet");
}

#[tokio::test]
async fn concurrent_questions_about_one_wallet_share_one_call() {
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
async fn kept_answer_is_given_until_wallet_or_vault_changes() {
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
