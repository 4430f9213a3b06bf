//! The follower against a real EVM: events, undone blocks, pauses, providers that die.
#![cfg(feature = "anvil")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod listener;

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256};
use alloy::sol;
use listener::{FollowerHarness, OWNER, fixture, somebody, transfer, ws};
use serde_json::json;
use sovereign_contracts::delegate_registry::{self, IDelegateRegistry};
use sovereign_contracts::dev::Anvil;
use sovereign_contracts::follower::Cursor;
use sovereign_contracts::nft_delegation::{self, INFTDelegation};

sol! {
    function mintRange(address to, uint256 first, uint256 count) external;
}

#[tokio::test]
async fn without_a_cursor_everybody_is_looked_at_then_events_touch() {
    let (anvil, chain, memes) = fixture().await;
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[ws(&anvil)], 60_000, 1, None);
    told.until("the start", |told| told.caught_up && told.everybody == 1).await;
    let (a, b, vault, hot) = (somebody(), somebody(), somebody(), somebody());
    // The socket tells: a poll would come in a minute.
    transfer(&chain, memes, OWNER, a, 1).await;
    transfer(&chain, memes, a, b, 1).await;
    told.touches(&[a, b]).await;
    let register = INFTDelegation::registerDelegationAddressCall {
        collection: memes,
        delegate: hot,
        expiry: U256::from(u64::MAX),
        useCase: U256::from(1),
        allTokens: true,
        tokenId: U256::ZERO,
    };
    chain.call(vault, nft_delegation::MAINNET, &register).await.unwrap();
    told.touches(&[vault, hot]).await;
    let (vault, hot) = (somebody(), somebody());
    let delegate = IDelegateRegistry::delegateAllCall { to: hot, rights: B256::ZERO, enable: true };
    chain.call(vault, delegate_registry::CANONICAL, &delegate).await.unwrap();
    told.touches(&[vault, hot]).await;
    assert_eq!((told.everybody, told.reorgs, told.gaps), (1, 0, 0));
}

#[tokio::test]
async fn polling_alone_finds_events_and_foreign_ones_touch_nobody() {
    let (anvil, chain, memes) = fixture().await;
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[], 100, 1, None);
    told.until("the start", |told| told.caught_up).await;
    let other = chain.deploy_memes(OWNER, 1).await.unwrap();
    let (mine, theirs) = (somebody(), somebody());
    transfer(&chain, other, OWNER, theirs, 1).await;
    transfer(&chain, memes, OWNER, mine, 1).await;
    told.touches(&[mine]).await;
    assert!(!told.touched.contains(&theirs));
}

/// Whatever happened while nobody followed is told before "caught up", however many blocks it was.
#[tokio::test]
async fn a_pause_is_closed_from_the_cursor() {
    let (anvil, chain, memes) = fixture().await;
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[], 100, 1, None);
    told.until("the start", |told| told.caught_up && told.cursor.is_some()).await;
    let cursor = told.cursor;
    drop(told);
    let (early, late) = (somebody(), somebody());
    transfer(&chain, memes, OWNER, early, 1).await;
    chain.rpc("anvil_mine", json!(["0x9c4"])).await.unwrap();
    transfer(&chain, memes, OWNER, late, 2).await;
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[], 100, 1, cursor);
    told.until("caught up", |told| told.caught_up).await;
    assert!(told.touched.contains(&early) && told.touched.contains(&late), "{:?}", told.touched);
    assert_eq!((told.everybody, told.reorgs), (0, 0));
    // A cursor on a branch that nobody knows: everybody.
    let unknown = Cursor { hash: B256::repeat_byte(7), ..cursor.unwrap() };
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[], 100, 1, Some(unknown));
    told.until("everybody", |told| told.caught_up && told.everybody == 1).await;
}

#[tokio::test]
async fn what_is_undone_is_told_again() {
    let (anvil, chain, memes) = fixture().await;
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[ws(&anvil)], 200, 1, None);
    told.until("the start", |told| told.caught_up).await;
    let (a, b) = (somebody(), somebody());
    transfer(&chain, memes, OWNER, a, 1).await;
    let snapshot = chain.rpc("evm_snapshot", json!([])).await.unwrap();
    transfer(&chain, memes, a, b, 1).await;
    told.touches(&[a, b]).await;
    told.touched.clear();
    // Undone by other blocks in its place.
    chain.rpc("anvil_reorg", json!([1, []])).await.unwrap();
    told.touches(&[a, b]).await;
    assert_eq!(told.reorgs, 1);
    let head = told.blocks[&a];
    told.touched.clear();
    // Done again, and undone by a shorter chain.
    transfer(&chain, memes, a, b, 1).await;
    told.touches(&[a, b]).await;
    told.touched.clear();
    chain.rpc("evm_revert", json!([snapshot])).await.unwrap();
    told.touches(&[a, b]).await;
    assert_eq!((told.reorgs, told.everybody), (2, 1));
    assert!(told.blocks[&a] < head + 1, "the truth can be read at the head that is left");
}

#[tokio::test]
async fn a_dead_provider_is_a_gap_only_if_there_is_no_other() {
    let (anvil, chain, memes) = fixture().await;
    let (doomed, other) = Anvil::start_with_stand_ins(&[]).await.unwrap();
    other.rpc("evm_mine", json!([])).await.unwrap();
    let rpcs = [doomed.url(), anvil.url()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[ws(&doomed), ws(&anvil)], 200, 1, None);
    told.until("the start", |told| told.caught_up).await;
    drop(doomed);
    let a = somebody();
    transfer(&chain, memes, OWNER, a, 1).await;
    // The other chain is another branch: everybody, once, then its events.
    told.until("the other provider", |told| told.everybody == 2).await;
    assert_eq!(told.gaps, 0);
    let b = somebody();
    transfer(&chain, memes, a, b, 1).await;
    told.touches(&[b]).await;
    let (port, state) = (anvil.port(), chain.rpc("anvil_dumpState", json!([])).await.unwrap());
    drop(anvil);
    told.until("a gap", |told| told.gaps == 1 && !told.caught_up).await;
    let (_anvil, chain) = {
        let anvil = Anvil::start_on(port, &[]).await.unwrap();
        let chain = anvil.chain();
        (anvil, chain)
    };
    chain.rpc("anvil_loadState", json!([state])).await.unwrap();
    told.until("caught up again", |told| told.caught_up).await;
}

#[tokio::test]
async fn with_a_quorum_as_many_must_answer() {
    let (anvil, chain, memes) = fixture().await;
    let (other, _) =
        Anvil::start_with_stand_ins(&["--fork-url", &anvil.url()]).await.unwrap_or_else(|_| panic!("fork"));
    let rpcs = [anvil.url(), other.url()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, 2, None);
    told.until("both", |told| told.everybody == 1).await;
    drop(other);
    told.until("one is too few", |told| told.gaps >= 1).await;
    let a = somebody();
    transfer(&chain, memes, OWNER, a, 1).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!told.touched.contains(&a) && !told.caught_up);
}

/// An airdrop: thousands of transfers in one block are one set.
#[tokio::test]
async fn ten_thousand_transfers_in_one_block_are_one_set() {
    let (anvil, chain, memes) = {
        let (anvil, chain) = Anvil::start_with_stand_ins(&["--gas-limit", "3000000000"]).await.unwrap();
        let memes = chain.deploy_memes(OWNER, 2).await.unwrap();
        (anvil, chain, memes)
    };
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[ws(&anvil)], 60_000, 1, None);
    told.until("the start", |told| told.caught_up).await;
    chain.rpc("evm_setAutomine", json!([false])).await.unwrap();
    let people: Vec<Address> = (0..10).map(|_| somebody()).collect();
    for (number, one) in people.iter().enumerate() {
        let call =
            mintRangeCall { to: *one, first: U256::from(100 + 1000 * number), count: U256::from(1000) };
        let data = alloy::primitives::Bytes::from(alloy::sol_types::SolCall::abi_encode(&call));
        let send = json!([{ "from": OWNER, "to": memes, "data": data, "gas": "0x8000000" }]);
        chain.rpc("eth_sendTransaction", send).await.unwrap();
    }
    chain.rpc("evm_mine", json!([])).await.unwrap();
    let begun = Instant::now();
    told.touches(&people).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
    assert_eq!(told.everybody, 1, "they could be named");
}

/// A further collection while it runs: everybody is looked at once, and from then on its events touch, at once.
#[tokio::test]
async fn another_contract_is_followed_from_the_next_look_on() {
    let (anvil, chain, memes) = fixture().await;
    let further = chain.deploy_memes(OWNER, 2).await.unwrap();
    let mut told = FollowerHarness::start(memes, &[anvil.url()], &[ws(&anvil)], 60_000, 1, None);
    told.until("the start", |told| told.caught_up && told.everybody == 1).await;
    let (before, after, gone) = (somebody(), somebody(), somebody());
    transfer(&chain, further, OWNER, before, 1).await;
    told.contracts.set(&[memes, further]);
    told.until("everybody, without a new block", |told| told.everybody == 2).await;
    transfer(&chain, further, before, after, 1).await;
    told.touches(&[before, after]).await;
    told.contracts.set(&[memes, further]);
    told.contracts.set(&[memes]);
    told.until("everybody again", |told| told.everybody == 3).await;
    transfer(&chain, further, after, gone, 1).await;
    transfer(&chain, memes, OWNER, before, 1).await;
    let seen = told.cursor;
    told.until("the next block", |told| told.cursor != seen && told.cursor.is_some()).await;
    assert!(!told.touched.contains(&gone) && told.everybody == 3);
}
