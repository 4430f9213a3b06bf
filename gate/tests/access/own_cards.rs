//! Cards that the wallet holds itself.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use sovereign_contracts::dev::Artifact;
use sovereign_gate::access::{AccessError, Collection, Standard, Tier, Via};

use crate::town::*;

#[tokio::test]
async fn this_card_gives_the_free_tier_and_any_other_the_paid_tier() {
    let town = Town::open().await;
    let nobody = town.ask(town.somebody()).await;
    assert_eq!(gist(&nobody), DENIED);
    assert!(nobody.cards.is_empty() && !nobody.more_cards && !nobody.delegations_unread);

    let paid = town.holder_of(3).await;
    let told = town.ask(paid).await;
    assert_eq!((gist(&told), cards(&told)), ((Tier::Paid, Some(Via::Own), None), vec![3]));
    assert_eq!(told.wallet, paid);
    assert!(told.block > CARDS);

    town.give(paid, THIS_CARD).await;
    let told = town.ask(paid).await;
    assert_eq!((told.tier, cards(&told)), (Tier::Free, vec![THIS_CARD, 3]), "THIS card wins and comes first");
}

#[tokio::test]
async fn first_and_last_id_count_and_long_lists_are_cut() {
    let town = Town::open().await;
    for id in [0, 1, CARDS] {
        assert_eq!(town.ask(town.holder_of(id).await).await.tier, Tier::Paid, "card {id}");
    }
    let told = town.ask(DEPLOYER).await;
    assert_eq!((told.cards.len(), told.more_cards), (20, true));
}

#[tokio::test]
async fn new_card_counts_in_the_block_of_its_mint() {
    let town = Town::open().await;
    for id in CARDS + 1..CARDS + 40 {
        let holder = town.holder_of(id).await;
        assert_eq!(cards(&town.ask(holder).await), [id]);
    }
}

#[tokio::test]
async fn card_far_beyond_the_last_id_counts_once_discovered() {
    let town = Town::open_with(|config| config.discovery_interval = Duration::from_millis(300)).await;
    let holder = town.holder_of(CARDS + 200).await;
    let since = Instant::now();
    while town.ask(holder).await.tier != Tier::Paid {
        assert!(since.elapsed() < Duration::from_secs(5), "never discovered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let next = town.holder_of(CARDS + 201).await;
    assert_eq!(town.ask(next).await.tier, Tier::Paid);
}

#[tokio::test]
async fn this_card_counts_with_any_id() {
    let far = U256::from(1) << 200;
    let town = Town::open_with(|config| config.this_card = far).await;
    let holder = town.somebody();
    let data = {
        use alloy::sol_types::SolCall;
        alloy::sol! { function mint(address to, uint256 id, uint256 amount) external; }
        mintCall { to: holder, id: far, amount: U256::from(1) }.abi_encode()
    };
    town.chain.send(DEPLOYER, town.memes, data.into()).await.unwrap();
    assert_eq!(town.ask(holder).await.tier, Tier::Free);
}

#[tokio::test]
async fn sold_card_counts_for_the_buyer_only() {
    let town = Town::open().await;
    let holder = town.holder_of(3).await;
    assert_eq!(town.ask(holder).await.tier, Tier::Paid);
    let buyer = town.somebody();
    alloy::sol! {
        function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes data) external;
    }
    let (id, value) = (U256::from(3), U256::from(1));
    town.act(
        holder,
        town.memes,
        &safeTransferFromCall { from: holder, to: buyer, id, value, data: vec![].into() },
    )
    .await;
    assert_eq!(town.ask(holder).await.tier, Tier::Denied);
    assert_eq!(town.ask(buyer).await.tier, Tier::Paid);
}

#[tokio::test]
async fn further_collections_give_their_configured_tier() {
    let (gallery, editions) = (created_by_deployer(CARDS + 1), created_by_deployer(CARDS + 2));
    let ids = vec![U256::from(5), U256::from(6)];
    let town = Town::open_unasked(&[], CARDS, |config| {
        config.collections = vec![
            Collection { contract: gallery, standard: Standard::Erc721, tier: Tier::Paid },
            Collection { contract: editions, standard: Standard::Erc1155 { ids }, tier: Tier::Free },
        ];
    })
    .await;
    assert!(town.access.summary(DEPLOYER, None).await.is_err(), "a collection that is not there is no zero");
    assert_eq!(town.chain.deploy(DEPLOYER, Artifact::TestGallery, &[]).await.unwrap(), gallery);
    assert_eq!(town.chain.deploy(DEPLOYER, Artifact::TestMemes, &[]).await.unwrap(), editions);

    let of_gallery = town.somebody();
    alloy::sol! { function mint(address to, uint256 id) external; }
    town.act(DEPLOYER, gallery, &mintCall { to: of_gallery, id: U256::from(1) }).await;
    let told = town.ask(of_gallery).await;
    assert_eq!((gist(&told), told.cards.len()), ((Tier::Paid, Some(Via::Own), None), 0));

    let (of_edition, of_other) = (town.somebody(), town.somebody());
    town.chain.mint(DEPLOYER, editions, of_edition, 6).await.unwrap();
    town.chain.mint(DEPLOYER, editions, of_other, 7).await.unwrap();
    assert_eq!(town.ask(of_edition).await.tier, Tier::Free);
    assert_eq!(gist(&town.ask(of_other).await), DENIED, "an id that is not listed");

    // A delegation for the Memes is none for the gallery; one for the gallery is.
    let hot = town.somebody();
    town.register(of_gallery, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), DENIED);
    town.register(of_gallery, hot, (gallery, 1), FOREVER, None).await;
    assert_eq!(gist(&town.ask(hot).await), (Tier::Paid, Some(Via::Delegation), Some(of_gallery)));
}

fn created_by_deployer(nonce: u64) -> Address {
    DEPLOYER.create(nonce)
}

#[tokio::test]
async fn unknown_card_ids_are_an_error() {
    let town = Town::open().await;
    let unasked = access(&town.chain, town.memes, town.counter.clone(), |_| {});
    let error = unasked.summary(DEPLOYER, None);
    let error = tokio::time::timeout(Duration::from_secs(10), error).await.unwrap().unwrap_err();
    assert!(matches!(error, AccessError::CardsUnknown(_)), "{error}");
}
