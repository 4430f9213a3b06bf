//! Calls per query: one for a named query, two for a listed one if the lists name a vault.

use std::time::Duration;

use alloy::primitives::B256;
use sovereign_gate::access::{EntitlementQuery, Tier};

use crate::fixture::*;

#[tokio::test]
async fn listed_question_costs_two_calls_only_if_lists_name_a_vault() {
    let fixture = Fixture::start().await;
    let (unentitled, paid, free) =
        (fixture.fresh_wallet(), fixture.holder_of(3).await, fixture.holder_of(THIS_CARD).await);
    let cost = async |wallet| fixture.cost(fixture.bases(EntitlementQuery::Listed { wallet })).await;
    assert_eq!(cost(unentitled).await, 1, "nothing");
    assert_eq!(cost(paid).await, 1, "a card");
    assert_eq!(cost(free).await, 1, "THIS card");

    let hot = fixture.fresh_wallet();
    fixture.register(paid, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(cost(hot).await, 2, "a delegation");
    fixture.xyz_all(free, hot, B256::ZERO, true).await;
    assert_eq!(cost(hot).await, 2, "two registries");
    fixture.xyz_all(paid, free, B256::ZERO, true).await;
    assert_eq!(cost(free).await, 2, "own cards do not hide the vaults");
}

#[tokio::test]
async fn named_question_costs_one_call() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.fresh_wallet());
    let questions = [None, Some(vault), Some(fixture.fresh_wallet()), Some(hot)];
    let questions = questions.map(|vault| EntitlementQuery::named(hot, vault));
    for round in 0..4 {
        match round {
            0 => {}
            1 => fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await,
            2 => fixture.xyz_all(vault, hot, B256::ZERO, true).await,
            _ => fixture.give(hot, THIS_CARD).await,
        }
        for question in questions {
            assert_eq!(fixture.cost(fixture.bases(question)).await, 1, "round {round}: {question:?}");
        }
    }
}

#[tokio::test]
async fn summary_asks_the_lists_unless_the_named_vault_gives_the_best() {
    let fixture = Fixture::start().await;
    let (paid, free, hot) =
        (fixture.holder_of(3).await, fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
    fixture.register(paid, hot, (fixture.memes, 1), FOREVER, None).await;
    fixture.xyz_all(free, hot, B256::ZERO, true).await;
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 2, "no vault is named");
    assert_eq!(fixture.cost(fixture.ask_naming(hot, free)).await, 1, "the best is named");
    assert_eq!(fixture.cost(fixture.ask_naming(hot, paid)).await, 3, "the lists may know a better one");
    assert_eq!(fixture.cost(fixture.ask_naming(hot, hot)).await, 2, "no vault of this wallet");
}

#[tokio::test]
async fn concurrent_questions_about_one_wallet_share_one_call() {
    let fixture = Fixture::start_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(60), Duration::from_secs(60));
    })
    .await;
    for wallet in [fixture.holder_of(3).await, fixture.fresh_wallet()] {
        let all = futures::future::join_all((0..50).map(|_| fixture.ask(wallet)));
        assert_eq!(fixture.cost(all).await, 1);
        assert_eq!(fixture.cost(fixture.ask(wallet)).await, 0, "kept");
        fixture.access.invalidate(wallet);
        assert_eq!(fixture.cost(fixture.ask(wallet)).await, 1, "something happened");
    }
}

#[tokio::test]
async fn kept_answer_is_given_until_wallet_or_vault_changes() {
    let fixture = Fixture::start_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(60), Duration::from_millis(300));
    })
    .await;
    let (vault, hot) = (fixture.fresh_wallet(), fixture.fresh_wallet());
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(fixture.ask(hot).await.tier, Tier::Denied);
    fixture.give(vault, 3).await;
    assert_eq!(fixture.ask(hot).await.tier, Tier::Denied, "a denial is kept for a moment");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(fixture.ask(hot).await.tier, Tier::Paid);
    fixture.xyz_all(hot, fixture.fresh_wallet(), B256::ZERO, true).await;
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 0);
    fixture.access.invalidate(vault);
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 2, "something happened to the vault");
    fixture.access.invalidate_all(0);
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 2);
}
