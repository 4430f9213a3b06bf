//! Third parties bloat the lists of a wallet. Own cards and a named vault count as before, and no query takes longer.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use serde_json::json;
use sovereign_contracts::{delegate_registry, nft_delegation};
use sovereign_gate::access::{EntitlementQuery, Tier, Via};

use crate::fixture::*;

/// Sets the length of a list in storage, as thousands of registrations would.
async fn bloat(fixture: &Fixture, registry: Address, slot: U256, rows: u64) {
    let length = B256::from(U256::from(rows));
    fixture.chain.rpc("anvil_setStorageAt", json!([registry, slot, length])).await.unwrap();
}

/// Every list of `hot`, in both registries.
async fn bloat_all(fixture: &Fixture, hot: Address, rows: u64) {
    for collection in [fixture.memes, ALL] {
        for use_case in [1_u64, 9, 999] {
            let key = keccak256(
                [hot.as_slice(), collection.as_slice(), &B256::from(U256::from(use_case)).0].concat(),
            );
            let slot = U256::from_be_bytes(keccak256((key, U256::from(1)).abi_encode()).0);
            bloat(fixture, nft_delegation::MAINNET, slot, rows).await;
        }
    }
    let slot = U256::from_be_bytes(keccak256((hot, U256::from(2)).abi_encode()).0);
    bloat(fixture, delegate_registry::CANONICAL, slot, rows).await;
}

/// Bases of the query that names this vault and of the one for own cards.
async fn named_and_own(fixture: &Fixture, hot: Address, vault: Address) -> [Vec<Outline>; 2] {
    let [named, own] = [Some(vault), None].map(|vault| EntitlementQuery::named(hot, vault));
    [outline(&fixture.bases(named).await), outline(&fixture.bases(own).await)]
}

#[tokio::test]
async fn bloated_lists_leave_named_vault_and_own_cards() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    fixture.xyz_all(vault, hot, B256::ZERO, true).await;
    let before = named_and_own(&fixture, hot, vault).await;
    bloat_all(&fixture, hot, 10_000).await;
    assert_eq!(named_and_own(&fixture, hot, vault).await, before);

    let started = Instant::now();
    let answer = fixture.ask(hot).await;
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    assert_eq!(outcome(&answer), DENIED);
    assert!(answer.delegations_unread, "the holder is answer to name the vault");

    let started = Instant::now();
    let named = fixture.ask_naming(hot, vault).await;
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    assert_eq!(outcome(&named), (Tier::Free, Some(Via::Delegation), Some(vault)));

    fixture.give(hot, 3).await;
    let own = fixture.ask(hot).await;
    assert_eq!(outcome(&own), (Tier::Paid, Some(Via::Own), None), "own cards need no list");
    assert_eq!(
        outcome(&fixture.ask_naming(hot, fixture.fresh_wallet()).await),
        (Tier::Paid, Some(Via::Own), None)
    );
    let own = (None, Via::Own, Tier::Paid);
    assert_eq!(outline(&fixture.bases(EntitlementQuery::Listed { wallet: hot }).await), [own]);
    let [named, _] = before;
    assert_eq!(named_and_own(&fixture, hot, vault).await, [[vec![own], named].concat(), vec![own]]);
}

#[tokio::test]
async fn vault_with_a_bloated_list_loses_only_its_own_basis() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.holder_of(4).await);
    let slot = U256::from_be_bytes(keccak256((vault, U256::from(1)).abi_encode()).0);
    bloat(&fixture, delegate_registry::CANONICAL, slot, 100_000).await;
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), (Tier::Paid, Some(Via::Own), None));
}

/// Gifts and delegations of third parties add bases; those of the wallet stay in their order.
#[tokio::test]
async fn third_parties_neither_remove_nor_reorder_bases() {
    let fixture = Fixture::start().await;
    let hot = fixture.fresh_wallet();
    let (named, listed) = (fixture.holder_of(3).await, fixture.holder_of(THIS_CARD).await);
    fixture.xyz_card(named, hot, fixture.memes, 3, 1).await;
    fixture.register(listed, hot, (fixture.memes, 1), FOREVER, None).await;
    let questions = [
        EntitlementQuery::named(hot, Some(named)),
        EntitlementQuery::named(hot, Some(listed)),
        EntitlementQuery::Listed { wallet: hot },
    ];
    let mut before = Vec::new();
    for question in questions {
        before.push(outline(&fixture.bases(question).await));
    }
    for stranger in 0..3 {
        let vault = fixture.holder_of(THIS_CARD).await;
        fixture.register(vault, hot, (ALL, 1), FOREVER, None).await;
        fixture.xyz_all(vault, hot, B256::ZERO, true).await;
        fixture.give(hot, [1, 2, THIS_CARD][stranger]).await;
        for (question, before) in questions.iter().zip(&before) {
            let mut after = outline(&fixture.bases(*question).await);
            if !matches!(question, EntitlementQuery::Listed { .. }) {
                assert!(after.iter().all(|(holder, ..)| *holder != Some(vault)), "{question:?}");
            }
            after.retain(|basis| before.contains(basis));
            assert_eq!(after, *before, "{question:?}");
        }
    }
}

/// Real rows of third parties, appended after the vault's.
#[tokio::test]
async fn later_third_parties_do_not_displace_the_vault() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
    fixture.xyz_all(vault, hot, B256::ZERO, true).await;
    for _ in 0..60 {
        let stranger = fixture.fresh_wallet();
        fixture.register(stranger, hot, (fixture.memes, 1), FOREVER, None).await;
        fixture.xyz_all(stranger, hot, B256::ZERO, true).await;
    }
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 2);
    assert_eq!(outcome(&fixture.ask(hot).await), (Tier::Free, Some(Via::DelegateXyz), Some(vault)));
    assert_eq!(fixture.cost(fixture.bases(EntitlementQuery::named(hot, Some(vault)))).await, 1);
}

/// More vaults than one read covers: the listed query is bounded, and the named one finds the vault.
#[tokio::test]
async fn named_vault_counts_behind_more_vaults_than_are_read() {
    let fixture = Fixture::start().await;
    let hot = fixture.fresh_wallet();
    for _ in 0..40 {
        fixture.register(fixture.fresh_wallet(), hot, (fixture.memes, 1), FOREVER, None).await;
    }
    let vault = fixture.holder_of(THIS_CARD).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(fixture.cost(fixture.ask(hot)).await, 2);
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    assert_eq!(fixture.ask_naming(hot, vault).await.tier, Tier::Free);
}

/// Concurrent queries share calls, and a bloated wallet costs the others only time.
#[tokio::test]
async fn concurrent_wallets_get_their_own_answers() {
    let fixture = Fixture::start().await;
    let mut expected = Vec::new();
    for round in 0..40 {
        let (vault, hot) = (fixture.holder_of(round % 6 + 1).await, fixture.fresh_wallet());
        fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
        let bloated = fixture.holder_of(THIS_CARD).await;
        if round % 10 == 0 {
            bloat_all(&fixture, bloated, 10_000).await;
        }
        expected.extend([
            (vault, (Tier::Paid, Some(Via::Own), None)),
            (hot, (Tier::Paid, Some(Via::Delegation), Some(vault))),
            (bloated, (Tier::Free, Some(Via::Own), None)),
            (fixture.fresh_wallet(), DENIED),
        ]);
    }
    let all = async {
        let answers =
            futures::future::join_all(expected.iter().map(|(wallet, _)| fixture.ask(*wallet))).await;
        for ((wallet, expected), answer) in expected.iter().zip(&answers) {
            assert_eq!(outcome(answer), *expected, "{wallet}");
        }
    };
    let started = Instant::now();
    let calls = fixture.cost(all).await;
    let allowed = 40 * (started.elapsed().as_millis() + 1_000) / 1_000 + 1;
    assert!(calls as u128 <= allowed, "{calls} calls for 200 reads in {:?}", started.elapsed());
}
