//! The follower with providers that lie, lack something or ring without end.
#![cfg(feature = "anvil")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod listener;
mod proxy;
mod stub;

use std::time::{Duration, Instant};

use futures::SinkExt;
use listener::{FollowerHarness, OWNER, fixture, somebody, transfer};
use proxy::{Lie, Proxy};
use serde_json::json;
use sovereign_contracts::dev::DevChain;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

async fn head(chain: &DevChain) -> u64 {
    let number = chain.rpc("eth_blockNumber", json!([])).await.unwrap();
    u64::from_str_radix(number.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// A former holder would be looked at in a block in which he was still one.
#[tokio::test]
async fn an_old_head_of_a_liar_is_a_gap_and_takes_nothing_back() {
    let (anvil, chain, memes) = fixture().await;
    chain.rpc("anvil_mine", json!(["0x14"])).await.unwrap();
    let liar = Proxy::start(&anvil, Lie::Stuck(5)).await;
    let rpcs = [anvil.url(), liar.url.clone()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, 2, None);
    told.until("a gap at the start", |told| told.gaps == 1).await;
    assert_eq!((told.everybody, told.caught_up), (0, false), "nobody was told of at the old block");

    liar.set(Lie::Nothing);
    told.until("the start", |told| told.caught_up && told.everybody == 1).await;
    let buyer = somebody();
    transfer(&chain, memes, OWNER, buyer, 1).await;
    let sold = head(&chain).await;
    told.touches(&[buyer]).await;
    told.until("caught up", |told| told.caught_up).await;

    liar.set(Lie::Stuck(sold - 20));
    told.until("a gap", |told| told.gaps == 2).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    // A little behind, as any provider may be, is neither a gap nor a block that was undone.
    liar.set(Lie::Stuck(sold - 2));
    told.until("caught up again", |told| told.caught_up).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let next = somebody();
    transfer(&chain, memes, buyer, next, 1).await;
    liar.set(Lie::Nothing);
    told.touches(&[next]).await;
    assert_eq!((told.everybody, told.reorgs, told.gaps), (1, 0, 2));
    assert!(told.blocks.values().all(|block| *block >= sold), "{:?}", told.blocks);
}

/// As many as must agree do, on a block long before the last told one, which somebody still has.
#[tokio::test]
async fn two_that_are_stuck_take_nothing_back() {
    let (anvil, chain, memes) = fixture().await;
    chain.rpc("anvil_mine", json!(["0x14"])).await.unwrap();
    let stuck = [Proxy::start(&anvil, Lie::Nothing).await, Proxy::start(&anvil, Lie::Nothing).await];
    let rpcs = [anvil.url(), stuck[0].url.clone(), stuck[1].url.clone()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, 2, None);
    told.until("the start", |told| told.caught_up && told.everybody == 1).await;
    for one in &stuck {
        one.set(Lie::Stuck(5));
    }
    told.until("a gap", |told| told.gaps == 1).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    for one in &stuck {
        one.set(Lie::Nothing);
    }
    told.until("caught up again", |told| told.caught_up).await;
    assert_eq!((told.everybody, told.reorgs), (1, 0));
    // Nobody has it any more: the chain was put back.
    let snapshot = chain.rpc("evm_snapshot", json!([])).await.unwrap();
    chain.rpc("anvil_mine", json!(["0x14"])).await.unwrap();
    let far = head(&chain).await;
    told.until("the new blocks", |told| told.cursor.is_some_and(|cursor| cursor.number == far)).await;
    chain.rpc("evm_revert", json!([snapshot])).await.unwrap();
    told.until("the undone blocks", |told| told.reorgs == 1).await;
}

#[tokio::test]
async fn a_liar_about_the_head_does_not_keep_events_away() {
    let (anvil, chain, memes) = fixture().await;
    for place in 0..3 {
        let liar = Proxy::start(&anvil, Lie::Invents(1 << 60)).await;
        let honest = [Proxy::start(&anvil, Lie::Nothing).await, Proxy::start(&anvil, Lie::Nothing).await];
        let mut rpcs = vec![honest[0].url.clone(), honest[1].url.clone()];
        rpcs.insert(place, liar.url.clone());
        let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, 2, None);
        told.until("the start", |told| told.caught_up && told.everybody == 1).await;
        let a = somebody();
        chain.mint(OWNER, memes, a, 1).await.unwrap();
        told.touches(&[a]).await;
        // The honest ones are seldom at the very same block.
        chain.rpc("anvil_mine", json!(["0x3"])).await.unwrap();
        honest[1].set(Lie::Stuck(head(&chain).await - 1));
        let b = somebody();
        chain.mint(OWNER, memes, b, 1).await.unwrap();
        honest[1].set(Lie::Stuck(head(&chain).await));
        chain.rpc("evm_mine", json!([])).await.unwrap();
        told.touches(&[b]).await;
        told.until("caught up", |told| told.caught_up).await;
        assert_eq!((told.everybody, told.reorgs, told.gaps), (1, 0, 0), "liar {place}");
    }
}

/// Heads come from one that has nothing else to give: the others have, and nobody misses anything.
#[tokio::test]
async fn one_that_gives_no_events_does_not_keep_them_away() {
    let (anvil, chain, memes) = fixture().await;
    for lie in [Lie::RefusesLogs, Lie::ForeignLogs] {
        for (place, quorum, all) in [(0, 1, 2), (1, 2, 3), (0, 2, 3)] {
            let mut proxies = Vec::new();
            for index in 0..all {
                let lie = if index == place { lie } else { Lie::Nothing };
                proxies.push(Proxy::start(&anvil, lie).await);
            }
            let rpcs: Vec<String> = proxies.iter().map(|proxy| proxy.url.clone()).collect();
            let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, quorum, None);
            told.until("the start", |told| told.caught_up && told.everybody == 1).await;
            let (a, b) = (somebody(), somebody());
            chain.mint(OWNER, memes, a, 1).await.unwrap();
            told.touches(&[a]).await;
            chain.mint(OWNER, memes, b, 1).await.unwrap();
            told.touches(&[b]).await;
            let context = format!("{lie:?} at {place} of {all}, quorum {quorum}");
            assert!(proxies[place].calls_of("eth_getLogs") >= 1, "{context}");
            assert_eq!((told.everybody, told.reorgs, told.gaps), (1, 0, 0), "{context}");
        }
    }
}

/// With too few left who give events it is a gap, which ends when they do again.
#[tokio::test]
async fn as_many_as_must_agree_have_to_give_events() {
    let (anvil, chain, memes) = fixture().await;
    let poor = Proxy::start(&anvil, Lie::RefusesLogs).await;
    let rpcs = [anvil.url(), poor.url.clone()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, 2, None);
    told.until("the start", |told| told.caught_up && told.everybody == 1).await;
    let a = somebody();
    chain.mint(OWNER, memes, a, 1).await.unwrap();
    told.until("a gap", |told| told.gaps == 1 && !told.caught_up).await;
    assert!(told.touched.is_empty());
    poor.set(Lie::Nothing);
    told.touches(&[a]).await;
    told.until("caught up again", |told| told.caught_up).await;
}

/// One answer may have tens of megabytes, so there is never more than one of each provider.
#[tokio::test]
async fn events_of_one_block_after_the_other_are_asked_for() {
    let (anvil, chain, memes) = fixture().await;
    let slow = Lie::SlowLogs(Duration::from_millis(15));
    let proxies = [Proxy::start(&anvil, slow).await, Proxy::start(&anvil, slow).await];
    let rpcs = proxies.clone().map(|proxy| proxy.url);
    for quorum in [1, 2] {
        let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, quorum, None);
        told.until("the start", |told| told.caught_up && told.cursor.is_some()).await;
        let cursor = told.cursor;
        drop(told);
        let (early, late) = (somebody(), somebody());
        chain.mint(OWNER, memes, early, 1).await.unwrap();
        chain.rpc("anvil_mine", json!(["0x1e"])).await.unwrap();
        chain.mint(OWNER, memes, late, 1).await.unwrap();
        let before = proxies[0].calls_of("eth_getLogs");
        let mut told = FollowerHarness::start(memes, &rpcs, &[], 100, quorum, cursor);
        told.until("caught up", |told| told.caught_up).await;
        assert!(told.touched.contains(&early) && told.touched.contains(&late));
        assert_eq!((told.everybody, told.gaps), (0, 0));
        assert_eq!(proxies[0].calls_of("eth_getLogs") - before, 32, "quorum {quorum}");
        for proxy in &proxies {
            assert!(proxy.most_at_once("eth_getLogs") <= 1, "{} at once", proxy.most_at_once("eth_getLogs"));
        }
    }
}

/// A socket that announces new heads without end; where it listens.
async fn ringing_without_end() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = accept_async(stream).await.unwrap();
            let head = json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": {} }).to_string();
            while socket.send(Message::text(head.clone())).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn a_socket_that_rings_without_end_costs_few_calls_and_no_event() {
    let (anvil, chain, memes) = fixture().await;
    let proxies = [Proxy::start(&anvil, Lie::Nothing).await, Proxy::start(&anvil, Lie::Nothing).await];
    let rpcs = proxies.clone().map(|proxy| proxy.url);
    let poll = Duration::from_secs(3);
    let mut told = FollowerHarness::start(memes, &rpcs, &[ringing_without_end().await], 3000, 1, None);
    told.until("the start", |told| told.caught_up).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let calls = proxies.each_ref().map(Proxy::calls);
    assert!(calls[0] <= 30, "{calls:?} calls");
    assert!(calls[1] <= 6, "nobody is ahead of the first: {calls:?} calls");
    let (a, b) = (somebody(), somebody());
    for one in [a, b] {
        let begun = Instant::now();
        chain.mint(OWNER, memes, one, 1).await.unwrap();
        told.touches(&[one]).await;
        assert!(begun.elapsed() <= poll + Duration::from_millis(500), "took {:?}", begun.elapsed());
    }
    // While it rings, further contracts are followed at once.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let begun = Instant::now();
    told.contracts.set(&[memes]);
    told.until("everybody", |told| told.everybody == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "took {:?}", begun.elapsed());
    // As is one that has blocks which the first lacks.
    proxies[0].set(Lie::Stuck(head(&chain).await));
    let c = somebody();
    chain.mint(OWNER, memes, c, 1).await.unwrap();
    told.touches(&[c]).await;
    assert_eq!((told.reorgs, told.gaps), (0, 0));
}

/// Nothing can be followed, and the socket rings: that is no reason to ask more often.
#[tokio::test]
async fn a_ringing_socket_does_not_hurry_who_fails() {
    let (anvil, _, memes) = fixture().await;
    let proxy = Proxy::start(&anvil, Lie::Nothing).await;
    let rpcs = [proxy.url.clone()];
    let mut told = FollowerHarness::start(memes, &rpcs, &[ringing_without_end().await], 3000, 1, None);
    told.until("the start", |told| told.caught_up).await;
    drop(anvil);
    told.until("a gap", |told| told.gaps == 1).await;
    let before = proxy.calls();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(proxy.calls() - before <= 6, "{} calls", proxy.calls() - before);
}
