//! Answers of two reads at different states: blocks undone between them, and a lagging provider at the first read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::primitives::{Address, B256, U256};
use futures::FutureExt as _;
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;
use sovereign_gate::access::{Access, EntitlementQuery, Tier, Via};

use crate::fixture::*;
use crate::proxy;

/// Reverts to a snapshot before a given call.
struct Undoing {
    chain: DevChain,
    /// Calls until then; `None` after it happened.
    left: AtomicUsize,
    snapshot: Value,
}

impl Undoing {
    /// A proxy of the chain that reverts to `snapshot` before the `nth` call.
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
        // The other branch is longer and has other blocks.
        for _ in 0..3 {
            self.chain.mine_after(2).await.unwrap();
        }
    }
}

/// An `Access` with its own card ids behind this proxy.
async fn newcomer(fixture: &Fixture, way: &DevChain) -> Arc<Access> {
    let access = access(way, fixture.memes, Arc::default(), |_| {});
    let ids = Arc::clone(&access);
    tokio::spawn(async move { ids.discover_card_ids().await });
    access.summary(fixture.fresh_wallet(), None).await.unwrap();
    access
}

/// Runs `happens` in blocks that are undone before the `nth` call of the decision about the hot wallet.
async fn decided(nth: usize, happens: impl AsyncFnOnce(&Fixture, Pair)) -> Tier {
    let fixture = Fixture::start().await;
    let pair = Pair { vault: fixture.fresh_wallet(), hot: fixture.fresh_wallet() };
    let snapshot = fixture.chain.rpc("evm_snapshot", json!([])).await.unwrap();
    happens(&fixture, pair).await;
    let (way, undoing) = Undoing::before(&fixture.chain, snapshot, usize::MAX).await;
    let access = newcomer(&fixture, &way).await;
    undoing.left.store(nth, Ordering::SeqCst);
    let answer = access.summary(pair.hot, None).await.map_or(Tier::Denied, |answer| answer.tier);
    if nth <= 2 {
        assert_eq!(undoing.left.load(Ordering::SeqCst), 0, "nothing was undone");
    } else {
        undoing.undo().await;
    }
    // Whatever the answer was, the next one shows the current state.
    assert_eq!(access.summary(pair.hot, None).await.unwrap().tier, Tier::Denied);
    answer
}

#[derive(Clone, Copy)]
struct Pair {
    vault: Address,
    hot: Address,
}

async fn both(fixture: &Fixture, Pair { vault, hot }: Pair) {
    fixture.give(vault, 3).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
}

#[tokio::test]
async fn delegation_undone_between_the_reads_gives_nothing() {
    // Not undone before the answer: it matches the chain at that time.
    assert_eq!(decided(9, both).await, Tier::Paid);
    // Between the read of the lists and that of the vaults.
    assert_eq!(decided(2, both).await, Tier::Denied);
    assert_eq!(decided(1, both).await, Tier::Denied);
}

#[tokio::test]
async fn transfer_undone_between_the_reads_gives_nothing() {
    let moved = async |fixture: &Fixture, Pair { vault, hot }: Pair| {
        fixture.xyz_all(vault, hot, B256::ZERO, true).await;
        fixture.give(vault, THIS_CARD).await;
    };
    assert_eq!(decided(9, moved).await, Tier::Free);
    assert_eq!(decided(2, moved).await, Tier::Denied);
}

/// An answer is as old as its oldest read: a lagging provider at the first read must not keep a sold card valid because
/// the second read shows the block of the sale.
#[tokio::test]
async fn second_read_does_not_vouch_for_an_older_first_read() {
    let fixture = Fixture::start().await;
    let (wallet, vault) = (fixture.holder_of(THIS_CARD).await, fixture.holder_of(3).await);
    fixture.xyz_all(vault, wallet, B256::ZERO, true).await;
    let before_sale = fixture.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
    alloy::sol! {
        function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes data) external;
    }
    let (to, id, value) = (fixture.fresh_wallet(), U256::from(THIS_CARD), U256::from(1));
    let sale = safeTransferFromCall { from: wallet, to, id, value, data: vec![].into() };
    fixture.act(wallet, fixture.memes, &sale).await;
    let sold_at = fixture.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
    let sold_at: U256 = sold_at.as_str().unwrap().parse().unwrap();

    let calls_behind = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&calls_behind);
    let hook = move |body: String| {
        let is_behind =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let body = if is_behind { body.replace("\"latest\"", &before_sale.to_string()) } else { body };
        async move { Some(body) }.boxed()
    };
    let access = newcomer(&fixture, &proxy::start(&fixture.chain, hook).await).await;
    let listed = EntitlementQuery::Listed { wallet };
    calls_behind.store(1, Ordering::SeqCst);
    let own = (None, Via::Own, Tier::Free);
    assert!(
        outline(&access.entitlement(listed).await.unwrap().bases).contains(&own),
        "the provider is behind"
    );

    access.invalidate_at(wallet, sold_at.to());
    calls_behind.store(1, Ordering::SeqCst);
    let bases = access.entitlement(listed).await.unwrap();
    assert_eq!(outline(&bases.bases), [(Some(vault), Via::DelegateXyz, Tier::Paid)]);
    assert_eq!(calls_behind.load(Ordering::SeqCst), 0);
}
