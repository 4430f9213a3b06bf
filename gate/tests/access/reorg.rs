//! Blocks that are undone while a decision is made, between its calls: what was in them gives nobody anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;
use sovereign_gate::access::{Access, Tier};

use crate::town::*;

/// Stands before a chain and, when it is told to, goes back to a snapshot before it passes a call on.
struct Undoing {
    chain: DevChain,
    http: reqwest::Client,
    /// Calls until then; none is left when it has happened.
    left: AtomicUsize,
    snapshot: Value,
}

impl Undoing {
    /// Its address. What came after `snapshot` is undone before the `nth` call.
    async fn before(chain: &DevChain, snapshot: Value, nth: usize) -> (DevChain, Arc<Self>) {
        let (http, left) = (reqwest::Client::new(), AtomicUsize::new(nth));
        let this = Arc::new(Self { chain: chain.clone(), http, left, snapshot });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&this));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (DevChain::new(url), this)
    }

    async fn undo(&self) {
        assert_eq!(self.chain.rpc("evm_revert", json!([self.snapshot])).await.unwrap(), true);
        // The other branch is longer, and its blocks are other ones.
        for _ in 0..3 {
            self.chain.mine_after(2).await.unwrap();
        }
    }
}

async fn pass_on(State(undoing): State<Arc<Undoing>>, question: String) -> Response {
    let decides = question.contains("eth_call");
    let countdown = |left: usize| left.checked_sub(1);
    if decides && undoing.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, countdown) == Ok(1) {
        undoing.undo().await;
    }
    let sent =
        undoing.http.post(undoing.chain.url()).header("content-type", "application/json").body(question);
    match sent.send().await {
        Ok(answer) => ([("content-type", "application/json")], answer.bytes().await.unwrap()).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// An access with its own memory of the ids, over this way to the chain.
async fn newcomer(town: &Town, way: &DevChain) -> Arc<Access> {
    let access = access(way, town.memes, Arc::default(), |_| {});
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.follow_ids().await });
    access.entitlement(town.somebody(), None).await.unwrap();
    access
}

/// Plays `happens` in blocks that are undone before the `nth` call of the decision about the hot wallet.
async fn decided(nth: usize, happens: impl AsyncFnOnce(&Town, Pair)) -> Tier {
    let town = Town::open().await;
    let pair = Pair { vault: town.somebody(), hot: town.somebody() };
    let snapshot = town.chain.rpc("evm_snapshot", json!([])).await.unwrap();
    happens(&town, pair).await;
    let (way, undoing) = Undoing::before(&town.chain, snapshot, usize::MAX).await;
    let access = newcomer(&town, &way).await;
    undoing.left.store(nth, Ordering::SeqCst);
    let told = access.entitlement(pair.hot, None).await.map_or(Tier::Denied, |told| told.tier);
    if nth <= 2 {
        assert_eq!(undoing.left.load(Ordering::SeqCst), 0, "nothing was undone");
    } else {
        undoing.undo().await;
    }
    // Whatever was told: the next one is told what is so now.
    assert_eq!(access.entitlement(pair.hot, None).await.unwrap().tier, Tier::Denied);
    told
}

#[derive(Clone, Copy)]
struct Pair {
    vault: alloy::primitives::Address,
    hot: alloy::primitives::Address,
}

async fn both(town: &Town, Pair { vault, hot }: Pair) {
    town.give(vault, 3).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
}

#[tokio::test]
async fn what_was_undone_between_the_calls_gives_nothing() {
    // Not undone before the answer: it is what the chain said.
    assert_eq!(decided(9, both).await, Tier::Paid);
    // Between the lists of vaults and what the vaults hold.
    assert_eq!(decided(2, both).await, Tier::Denied);
    assert_eq!(decided(1, both).await, Tier::Denied);
}

#[tokio::test]
async fn a_card_that_was_never_moved_there_gives_nothing() {
    let moved = async |town: &Town, Pair { vault, hot }: Pair| {
        town.xyz_all(vault, hot, alloy::primitives::B256::ZERO, true).await;
        town.give(vault, THIS_CARD).await;
    };
    assert_eq!(decided(9, moved).await, Tier::Free);
    assert_eq!(decided(2, moved).await, Tier::Denied);
}
