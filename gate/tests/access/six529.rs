//! Delegation and consolidation at 6529, good and bad.

use alloy::primitives::{Address, U256};
use sovereign_contracts::nft_delegation;
use sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall;
use sovereign_gate::access::{Tier, Via};

use crate::town::*;

const DELEGATED: Option<Via> = Some(Via::Delegation);
const CONSOLIDATED: Option<Via> = Some(Via::Consolidation);

/// A vault with cards 3 and THIS one, and a hot wallet.
async fn vault_and_hot(town: &Town) -> (Address, Address) {
    let vault = town.holder_of(3).await;
    town.give(vault, THIS_CARD).await;
    (vault, town.somebody())
}

#[tokio::test]
async fn accepts_delegations_for_collection_or_all_until_expiry() {
    let town = Town::open().await;
    let soon = town.chain.now().await.unwrap() + 10_000;
    for (scope, expiry) in
        [((town.memes, 1), FOREVER), ((town.memes, 9), soon), ((ALL, 1), soon), ((ALL, 9), FOREVER)]
    {
        let (vault, hot) = vault_and_hot(&town).await;
        town.register(vault, hot, scope, expiry, None).await;
        let told = town.ask(hot).await;
        assert_eq!(gist(&told), (Tier::Free, DELEGATED, Some(vault)), "{scope:?}");
        assert_eq!(cards(&told), [THIS_CARD, 3]);
        assert_eq!(gist(&town.ask_naming(hot, vault).await), gist(&told), "named");
    }
}

/// What ran out stays in the contract, before what came in its place.
#[tokio::test]
async fn renewed_delegation_counts_behind_expired_rows() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    for expired in [1, 2, 3] {
        town.register(vault, hot, (town.memes, 1), expired, None).await;
    }
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), (Tier::Free, DELEGATED, Some(vault)));
    assert_eq!(gist(&town.ask_naming(hot, vault).await), (Tier::Free, DELEGATED, Some(vault)), "named");
}

#[tokio::test]
async fn rejects_other_scopes_use_cases_tokens_and_directions() {
    let town = Town::open().await;
    let gallery = Address::repeat_byte(0x44);
    let (vault, hot) = vault_and_hot(&town).await;
    let now = town.chain.now().await.unwrap();
    for scope in [(gallery, 1), (town.memes, 2), (town.memes, 15), (ALL, 16), (ALL, 998)] {
        town.register(vault, hot, scope, FOREVER, None).await;
    }
    town.register(vault, hot, (town.memes, 1), now, None).await;
    town.register(vault, hot, (ALL, 1), 0, None).await;
    town.register(vault, hot, (town.memes, 9), FOREVER, Some(4)).await;
    // The wrong way round, as somebody does who wants to use a whale's cards.
    town.register(hot, vault, (town.memes, 1), FOREVER, None).await;
    town.register(hot, vault, (ALL, 1), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED, "named");
    assert_eq!(gist(&town.ask_naming(hot, Address::ZERO).await), DENIED, "the padding");
    assert_eq!(gist(&town.ask_naming(hot, hot).await), DENIED, "itself");
}

#[tokio::test]
async fn delegation_ends_at_the_second_of_its_expiry() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    let end = town.chain.now().await.unwrap() + 1_000;
    town.register(vault, hot, (town.memes, 1), end, None).await;
    let left = end - town.chain.now().await.unwrap();
    town.chain.mine_after(left - 100).await.unwrap();
    while town.chain.now().await.unwrap() < end - 1 {
        assert_eq!(town.ask(hot).await.tier, Tier::Free);
        town.chain.mine_at(end - 1).await.unwrap();
    }
    assert_eq!(town.ask(hot).await.tier, Tier::Free, "one second before");
    town.chain.mine_at(end).await.unwrap();
    assert_eq!(gist(&town.ask(hot).await), DENIED, "at the second");
    assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn delegation_of_one_token_gives_that_token_only() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, Some(3)).await;
    let told = town.ask(hot).await;
    assert_eq!((gist(&told), cards(&told)), ((Tier::Paid, DELEGATED, Some(vault)), vec![3]));
    town.register(vault, hot, (town.memes, 1), FOREVER, Some(THIS_CARD)).await;
    for told in [town.ask(hot).await, town.ask_naming(hot, vault).await] {
        assert_eq!((told.tier, cards(&told)), (Tier::Free, vec![THIS_CARD, 3]));
    }
}

#[tokio::test]
async fn revoked_delegation_gives_nothing() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(town.ask(hot).await.tier, Tier::Free);
    let revoke =
        revokeDelegationAddressCall { collection: town.memes, delegate: hot, useCase: U256::from(1) };
    town.act(vault, nft_delegation::MAINNET, &revoke).await;
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED);
}

#[tokio::test]
async fn lock_keeps_delegations_registered_before_it() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    alloy::sol! { function setGlobalLock(bool status) external; }
    town.act(hot, nft_delegation::MAINNET, &setGlobalLockCall { status: true }).await;
    assert_eq!(town.ask(hot).await.tier, Tier::Free);
}

#[tokio::test]
async fn consolidation_requires_both_sides() {
    let town = Town::open().await;
    for (vaults, hots) in [(town.memes, town.memes), (ALL, ALL), (town.memes, ALL), (ALL, town.memes)] {
        let (vault, hot) = vault_and_hot(&town).await;
        town.register(vault, hot, (vaults, 999), FOREVER, None).await;
        assert_eq!(gist(&town.ask(hot).await), DENIED, "one-sided");
        assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED, "one-sided, named");
        town.register(hot, vault, (hots, 999), FOREVER, None).await;
        let expected = (Tier::Free, CONSOLIDATED, Some(vault));
        assert_eq!(gist(&town.ask(hot).await), expected);
        assert_eq!(gist(&town.ask_naming(hot, vault).await), expected, "named");
    }
}

#[tokio::test]
async fn rejects_one_sided_and_expired_consolidation() {
    let town = Town::open().await;
    let now = town.chain.now().await.unwrap();
    let (vault, hot) = vault_and_hot(&town).await;
    town.register(hot, vault, (town.memes, 999), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), DENIED, "the wallet alone says so");
    town.register(vault, hot, (Address::repeat_byte(0x44), 999), FOREVER, None).await;
    town.register(vault, hot, (town.memes, 999), now, None).await;
    assert_eq!(gist(&town.ask(hot).await), DENIED, "other collection, expired");
    assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn consolidation_precedes_delegation() {
    let town = Town::open().await;
    let (vault, hot) = vault_and_hot(&town).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    town.register(vault, hot, (town.memes, 999), FOREVER, None).await;
    town.register(hot, vault, (town.memes, 999), FOREVER, None).await;
    assert_eq!(town.ask(hot).await.via, CONSOLIDATED);
}

#[tokio::test]
async fn delegations_do_not_chain() {
    let town = Town::open().await;
    let (vault, middle) = vault_and_hot(&town).await;
    let hot = town.somebody();
    town.register(vault, middle, (ALL, 1), FOREVER, None).await;
    town.register(middle, hot, (ALL, 1), FOREVER, None).await;
    assert_eq!(town.ask(middle).await.tier, Tier::Free);
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    assert_eq!(gist(&town.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn summary_tells_the_best_of_all_vaults() {
    let town = Town::open().await;
    let hot = town.holder_of(2).await;
    let (plain, best) = (town.holder_of(3).await, town.holder_of(THIS_CARD).await);
    town.register(plain, hot, (town.memes, 1), FOREVER, None).await;
    let told = town.ask(hot).await;
    assert_eq!((gist(&told), cards(&told)), ((Tier::Paid, Some(Via::Own), None), vec![2]), "own cards first");
    town.xyz_all(best, hot, alloy::primitives::B256::ZERO, true).await;
    assert_eq!(gist(&town.ask(hot).await), (Tier::Free, Some(Via::DelegateXyz), Some(best)));
    let named = town.ask_naming(hot, plain).await;
    assert_eq!(gist(&named), (Tier::Free, Some(Via::DelegateXyz), Some(best)), "naming one hides no other");
}

#[tokio::test]
async fn denied_vault_yields_to_another_vault() {
    let denied = alloy::primitives::address!("00000000000000000000000000000000DeaDBeef");
    let town = Town::open_with(|config| {
        config.deny_wallets.insert(denied);
    })
    .await;
    let (hot, other) = (town.somebody(), town.holder_of(3).await);
    town.give(denied, THIS_CARD).await;
    town.register(denied, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(town.ask(hot).await.vault, Some(denied), "told, for the operator's refusal to name it");
    town.register(other, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), (Tier::Paid, DELEGATED, Some(other)));
}
