//! Strangers bloat the lists of a wallet. Own cards and a named vault count as before, and no question takes longer.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use serde_json::json;
use sovereign_contracts::{delegate_registry, nft_delegation};
use sovereign_gate::access::{Question, Tier, Via};

use crate::town::*;

/// Makes a list as long as thousands of registrations would, by writing its length.
async fn bloat(town: &Town, registry: Address, slot: U256, rows: u64) {
    let length = B256::from(U256::from(rows));
    town.chain.rpc("anvil_setStorageAt", json!([registry, slot, length])).await.unwrap();
}

/// Every list of `hot`, in both registries.
async fn bloat_all(town: &Town, hot: Address, rows: u64) {
    for collection in [town.memes, ALL] {
        for use_case in [1_u64, 9, 999] {
            let key = keccak256(
                [hot.as_slice(), collection.as_slice(), &B256::from(U256::from(use_case)).0].concat(),
            );
            let slot = U256::from_be_bytes(keccak256((key, U256::from(1)).abi_encode()).0);
            bloat(town, nft_delegation::MAINNET, slot, rows).await;
        }
    }
    let slot = U256::from_be_bytes(keccak256((hot, U256::from(2)).abi_encode()).0);
    bloat(town, delegate_registry::CANONICAL, slot, rows).await;
}

/// Bases of the named question about this vault and of the one about own cards.
async fn named_and_own(town: &Town, hot: Address, vault: Address) -> [Vec<Outline>; 2] {
    let [named, own] = [Some(vault), None].map(|vault| Question::named(hot, vault));
    [outline(&town.bases(named).await), outline(&town.bases(own).await)]
}

#[tokio::test]
async fn bloated_lists_leave_named_vault_and_own_cards() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(THIS_CARD).await, town.somebody());
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    town.xyz_all(vault, hot, B256::ZERO, true).await;
    let before = named_and_own(&town, hot, vault).await;
    bloat_all(&town, hot, 10_000).await;
    assert_eq!(named_and_own(&town, hot, vault).await, before);

    let started = Instant::now();
    let told = town.ask(hot).await;
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    assert_eq!(gist(&told), DENIED);
    assert!(told.delegations_unread, "the holder is told to name the vault");

    let started = Instant::now();
    let named = town.ask_naming(hot, vault).await;
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    assert_eq!(gist(&named), (Tier::Free, Some(Via::Delegation), Some(vault)));

    town.give(hot, 3).await;
    let own = town.ask(hot).await;
    assert_eq!(gist(&own), (Tier::Paid, Some(Via::Own), None), "own cards need no list");
    assert_eq!(gist(&town.ask_naming(hot, town.somebody()).await), (Tier::Paid, Some(Via::Own), None));
    let own = (None, Via::Own, Tier::Paid);
    assert_eq!(outline(&town.bases(Question::Listed { wallet: hot }).await), [own]);
    let [named, _] = before;
    assert_eq!(named_and_own(&town, hot, vault).await, [[vec![own], named].concat(), vec![own]]);
}

#[tokio::test]
async fn vault_with_a_bloated_list_loses_only_its_own_basis() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(3).await, town.holder_of(4).await);
    let slot = U256::from_be_bytes(keccak256((vault, U256::from(1)).abi_encode()).0);
    bloat(&town, delegate_registry::CANONICAL, slot, 100_000).await;
    assert_eq!(gist(&town.ask_naming(hot, vault).await), (Tier::Paid, Some(Via::Own), None));
}

/// Gifts and delegations of strangers add bases; those of the wallet stay, in their order.
#[tokio::test]
async fn strangers_neither_remove_nor_reorder_bases() {
    let town = Town::open().await;
    let hot = town.somebody();
    let (named, listed) = (town.holder_of(3).await, town.holder_of(THIS_CARD).await);
    town.xyz_card(named, hot, town.memes, 3, 1).await;
    town.register(listed, hot, (town.memes, 1), FOREVER, None).await;
    let questions = [
        Question::named(hot, Some(named)),
        Question::named(hot, Some(listed)),
        Question::Listed { wallet: hot },
    ];
    let mut before = Vec::new();
    for question in questions {
        before.push(outline(&town.bases(question).await));
    }
    for stranger in 0..3 {
        let vault = town.holder_of(THIS_CARD).await;
        town.register(vault, hot, (ALL, 1), FOREVER, None).await;
        town.xyz_all(vault, hot, B256::ZERO, true).await;
        town.give(hot, [1, 2, THIS_CARD][stranger]).await;
        for (question, before) in questions.iter().zip(&before) {
            let mut after = outline(&town.bases(*question).await);
            if !matches!(question, Question::Listed { .. }) {
                assert!(after.iter().all(|(holder, ..)| *holder != Some(vault)), "{question:?}");
            }
            after.retain(|basis| before.contains(basis));
            assert_eq!(after, *before, "{question:?}");
        }
    }
}

/// Real rows of real strangers, who came after the vault.
#[tokio::test]
async fn later_strangers_do_not_displace_the_vault() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(THIS_CARD).await, town.somebody());
    town.xyz_all(vault, hot, B256::ZERO, true).await;
    for _ in 0..60 {
        let stranger = town.somebody();
        town.register(stranger, hot, (town.memes, 1), FOREVER, None).await;
        town.xyz_all(stranger, hot, B256::ZERO, true).await;
    }
    assert_eq!(town.cost(town.ask(hot)).await, 2);
    assert_eq!(gist(&town.ask(hot).await), (Tier::Free, Some(Via::DelegateXyz), Some(vault)));
    assert_eq!(town.cost(town.bases(Question::named(hot, Some(vault)))).await, 1);
}

/// More vaults than one read looks at: the listed question is bounded, and the named one finds the vault.
#[tokio::test]
async fn named_vault_counts_behind_more_strangers_than_are_looked_at() {
    let town = Town::open().await;
    let hot = town.somebody();
    for _ in 0..40 {
        town.register(town.somebody(), hot, (town.memes, 1), FOREVER, None).await;
    }
    let vault = town.holder_of(THIS_CARD).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(town.cost(town.ask(hot)).await, 2);
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    assert_eq!(town.ask_naming(hot, vault).await.tier, Tier::Free);
}

/// Many at once share calls, and a bloated wallet among them costs the others nothing but time.
#[tokio::test]
async fn concurrent_wallets_get_their_own_answers() {
    let town = Town::open().await;
    let mut expected = Vec::new();
    for round in 0..40 {
        let (vault, hot) = (town.holder_of(round % 6 + 1).await, town.somebody());
        town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
        let bloated = town.holder_of(THIS_CARD).await;
        if round % 10 == 0 {
            bloat_all(&town, bloated, 10_000).await;
        }
        expected.extend([
            (vault, (Tier::Paid, Some(Via::Own), None)),
            (hot, (Tier::Paid, Some(Via::Delegation), Some(vault))),
            (bloated, (Tier::Free, Some(Via::Own), None)),
            (town.somebody(), DENIED),
        ]);
    }
    let all = async {
        let answers = futures::future::join_all(expected.iter().map(|(wallet, _)| town.ask(*wallet))).await;
        for ((wallet, expected), told) in expected.iter().zip(&answers) {
            assert_eq!(gist(told), *expected, "{wallet}");
        }
    };
    let started = Instant::now();
    let calls = town.cost(all).await;
    let allowed = 40 * (started.elapsed().as_millis() + 1_000) / 1_000 + 1;
    assert!(calls as u128 <= allowed, "{calls} calls for 200 reads in {:?}", started.elapsed());
}
