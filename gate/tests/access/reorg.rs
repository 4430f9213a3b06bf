//! Answers of two reads at different states: blocks undone between them, and a provider that is behind at the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::primitives::{Address, B256, U256};
use futures::FutureExt as _;
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;
use sovereign_gate::access::{Access, Question, Tier, Via};

use crate::proxy;
use crate::town::*;

/// Goes back to a snapshot before the call that is due.
struct Undoing {
    chain: DevChain,
    /// Calls until then; none is left when it has happened.
    left: AtomicUsize,
    snapshot: Value,
}

impl Undoing {
    /// A way to the chain. What came after `snapshot` is undone before the `nth` call.
    async fn before(chain: &DevChain, snapshot: Value, nth: usize) -> (DevChain, Arc<Self>) {
        let this = Arc::new(Self { chain: chain.clone(), left: AtomicUsize::new(nth), snapshot });
        let undoing = Arc::clone(&this);
        let hook = move |body| {
            let undoing = Arc::clone(&undoing);
            async move {
                undoing.count().await;
                Some(body)
            }
            .boxed()
        };
        (proxy::start(chain, hook).await, this)
    }

    async fn count(&self) {
        let countdown = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, countdown) == Ok(1) {
            self.undo().await;
        }
    }

    async fn undo(&self) {
        assert_eq!(self.chain.rpc("evm_revert", json!([self.snapshot])).await.unwrap(), true);
        // The other branch is longer, and its blocks are other ones.
        for _ in 0..3 {
            self.chain.mine_after(2).await.unwrap();
        }
    }
}

/// An access with its own memory of the ids, over this way to the chain.
async fn newcomer(town: &Town, way: &DevChain) -> Arc<Access> {
    let access = access(way, town.memes, Arc::default(), |_| {});
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.follow_ids().await });
    access.summary(town.somebody(), None).await.unwrap();
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
    let told = access.summary(pair.hot, None).await.map_or(Tier::Denied, |told| told.tier);
    if nth <= 2 {
        assert_eq!(undoing.left.load(Ordering::SeqCst), 0, "nothing was undone");
    } else {
        undoing.undo().await;
    }
    // Whatever was told: the next one is told what is so now.
    assert_eq!(access.summary(pair.hot, None).await.unwrap().tier, Tier::Denied);
    told
}

#[derive(Clone, Copy)]
struct Pair {
    vault: Address,
    hot: Address,
}

async fn both(town: &Town, Pair { vault, hot }: Pair) {
    town.give(vault, 3).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
}

#[tokio::test]
async fn delegation_undone_between_the_reads_gives_nothing() {
    // Not undone before the answer: it is what the chain said.
    assert_eq!(decided(9, both).await, Tier::Paid);
    // Between the lists of vaults and what the vaults hold.
    assert_eq!(decided(2, both).await, Tier::Denied);
    assert_eq!(decided(1, both).await, Tier::Denied);
}

#[tokio::test]
async fn transfer_undone_between_the_reads_gives_nothing() {
    let moved = async |town: &Town, Pair { vault, hot }: Pair| {
        town.xyz_all(vault, hot, B256::ZERO, true).await;
        town.give(vault, THIS_CARD).await;
    };
    assert_eq!(decided(9, moved).await, Tier::Free);
    assert_eq!(decided(2, moved).await, Tier::Denied);
}

/// An answer is as old as its oldest read: a provider that is behind at the first read must not keep a sold card alive
/// because the second read shows the block of the sale.
#[tokio::test]
async fn second_read_does_not_vouch_for_an_older_first_read() {
    let town = Town::open().await;
    let (wallet, vault) = (town.holder_of(THIS_CARD).await, town.holder_of(3).await);
    town.xyz_all(vault, wallet, B256::ZERO, true).await;
    let before_sale = town.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
    alloy::sol! {
        function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes data) external;
    }
    let (to, id, value) = (town.somebody(), U256::from(THIS_CARD), U256::from(1));
    let sale = safeTransferFromCall { from: wallet, to, id, value, data: vec![].into() };
    town.act(wallet, town.memes, &sale).await;
    let sold_at = town.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
    let sold_at: U256 = sold_at.as_str().unwrap().parse().unwrap();

    let calls_behind = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&calls_behind);
    let hook = move |body: String| {
        let is_behind =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let body = if is_behind { body.replace("\"latest\"", &before_sale.to_string()) } else { body };
        async move { Some(body) }.boxed()
    };
    let access = newcomer(&town, &proxy::start(&town.chain, hook).await).await;
    let listed = Question::Listed { wallet };
    calls_behind.store(1, Ordering::SeqCst);
    let own = (None, Via::Own, Tier::Free);
    assert!(outline(&access.ask(listed).await.unwrap().bases).contains(&own), "the provider is behind");

    access.invalidate_at(wallet, sold_at.to());
    calls_behind.store(1, Ordering::SeqCst);
    let bases = access.ask(listed).await.unwrap();
    assert_eq!(outline(&bases.bases), [(Some(vault), Via::DelegateXyz, Tier::Paid)]);
    assert_eq!(calls_behind.load(Ordering::SeqCst), 0);
}
