//! Cards of the wallet itself.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use sovereign_contracts::dev::Artifact;
use sovereign_gate::access::{AccessError, Collection, Standard, Tier, Via};

use crate::fixture::*;

#[tokio::test]
async fn this_card_gives_the_free_tier_and_any_other_the_paid_tier() {
    let fixture = Fixture::start().await;
    let unentitled = fixture.ask(fixture.fresh_wallet()).await;
    assert_eq!(outcome(&unentitled), DENIED);
    assert!(unentitled.cards.is_empty() && !unentitled.more_cards && !unentitled.delegations_unread);

    let paid = fixture.holder_of(3).await;
    let answer = fixture.ask(paid).await;
    assert_eq!((outcome(&answer), cards(&answer)), ((Tier::Paid, Some(Via::Own), None), vec![3]));
    assert_eq!(answer.wallet, paid);
    assert!(answer.block > CARDS);

    fixture.give(paid, THIS_CARD).await;
    let answer = fixture.ask(paid).await;
    assert_eq!(
        (answer.tier, cards(&answer)),
        (Tier::Free, vec![THIS_CARD, 3]),
        "THIS card wins and comes first"
    );
}

#[tokio::test]
async fn first_and_last_id_count_and_long_lists_are_cut() {
    let fixture = Fixture::start().await;
    for id in [0, 1, CARDS] {
        assert_eq!(fixture.ask(fixture.holder_of(id).await).await.tier, Tier::Paid, "card {id}");
    }
    let answer = fixture.ask(DEPLOYER).await;
    assert_eq!((answer.cards.len(), answer.more_cards), (20, true));
}

#[tokio::test]
async fn new_card_counts_in_the_block_of_its_mint() {
    let fixture = Fixture::start().await;
    for id in CARDS + 1..CARDS + 40 {
        let holder = fixture.holder_of(id).await;
        assert_eq!(cards(&fixture.ask(holder).await), [id]);
    }
}

#[tokio::test]
async fn card_far_beyond_the_last_id_counts_once_discovered() {
    let fixture = Fixture::start_with(|config| config.discovery_interval = Duration::from_millis(300)).await;
    let holder = fixture.holder_of(CARDS + 200).await;
    let since = Instant::now();
    while fixture.ask(holder).await.tier != Tier::Paid {
        assert!(since.elapsed() < Duration::from_secs(5), "never discovered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let next = fixture.holder_of(CARDS + 201).await;
    assert_eq!(fixture.ask(next).await.tier, Tier::Paid);
}

#[tokio::test]
async fn this_card_counts_with_any_id() {
    let far = U256::from(1) << 200;
    let fixture = Fixture::start_with(|config| config.this_card = far).await;
    let holder = fixture.fresh_wallet();
    let data = {
        use alloy::sol_types::SolCall;
        alloy::sol! { function mint(address to, uint256 id, uint256 amount) external; }
        mintCall { to: holder, id: far, amount: U256::from(1) }.abi_encode()
    };
    fixture.chain.send(DEPLOYER, fixture.memes, data.into()).await.unwrap();
    assert_eq!(fixture.ask(holder).await.tier, Tier::Free);
}

#[tokio::test]
async fn sold_card_counts_for_the_buyer_only() {
    let fixture = Fixture::start().await;
    let holder = fixture.holder_of(3).await;
    assert_eq!(fixture.ask(holder).await.tier, Tier::Paid);
    let buyer = fixture.fresh_wallet();
    alloy::sol! {
        function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes data) external;
    }
    let (id, value) = (U256::from(3), U256::from(1));
    fixture
        .act(
            holder,
            fixture.memes,
            &safeTransferFromCall { from: holder, to: buyer, id, value, data: vec![].into() },
        )
        .await;
    assert_eq!(fixture.ask(holder).await.tier, Tier::Denied);
    assert_eq!(fixture.ask(buyer).await.tier, Tier::Paid);
}

#[tokio::test]
async fn further_collections_give_their_configured_tier() {
    let (gallery, editions) = (created_by_deployer(CARDS + 1), created_by_deployer(CARDS + 2));
    let ids = vec![U256::from(5), U256::from(6)];
    let fixture = Fixture::open_unasked(&[], CARDS, |config| {
        config.collections = vec![
            Collection { contract: gallery, standard: Standard::Erc721, tier: Tier::Paid },
            Collection { contract: editions, standard: Standard::Erc1155 { ids }, tier: Tier::Free },
        ];
    })
    .await;
    assert!(
        fixture.access.summary(DEPLOYER, None).await.is_err(),
        "a collection that is not there is no zero"
    );
    assert_eq!(fixture.chain.deploy(DEPLOYER, Artifact::TestGallery, &[]).await.unwrap(), gallery);
    assert_eq!(fixture.chain.deploy(DEPLOYER, Artifact::TestMemes, &[]).await.unwrap(), editions);

    let of_gallery = fixture.fresh_wallet();
    alloy::sol! { function mint(address to, uint256 id) external; }
    fixture.act(DEPLOYER, gallery, &mintCall { to: of_gallery, id: U256::from(1) }).await;
    let answer = fixture.ask(of_gallery).await;
    assert_eq!((outcome(&answer), answer.cards.len()), ((Tier::Paid, Some(Via::Own), None), 0));

    let (of_edition, of_other) = (fixture.fresh_wallet(), fixture.fresh_wallet());
    fixture.chain.mint(DEPLOYER, editions, of_edition, 6).await.unwrap();
    fixture.chain.mint(DEPLOYER, editions, of_other, 7).await.unwrap();
    assert_eq!(fixture.ask(of_edition).await.tier, Tier::Free);
    assert_eq!(outcome(&fixture.ask(of_other).await), DENIED, "an id that is not listed");

    // A delegation for The Memes does not apply to the gallery; one for the gallery does.
    let hot = fixture.fresh_wallet();
    fixture.register(of_gallery, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    fixture.register(of_gallery, hot, (gallery, 1), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), (Tier::Paid, Some(Via::Delegation), Some(of_gallery)));
}

fn created_by_deployer(nonce: u64) -> Address {
    DEPLOYER.create(nonce)
}

#[tokio::test]
async fn unknown_card_ids_are_an_error() {
    let fixture = Fixture::start().await;
    let unasked = access(&fixture.chain, fixture.memes, fixture.counter.clone(), |_| {});
    let error = unasked.summary(DEPLOYER, None);
    let error = tokio::time::timeout(Duration::from_secs(10), error).await.unwrap().unwrap_err();
    assert!(matches!(error, AccessError::CardsUnknown(_)), "{error}");
}
