//! A follower of a local chain, and who remembers what it told.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256, address};
use alloy::sol;
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::follower::{ChangeAccumulator, Cursor, Follower, FollowerConfig, WatchedContracts};
use sovereign_contracts::reader::{NoopObserver, Reader, ReaderConfig};
use sovereign_contracts::{delegate_registry, nft_delegation};
use tokio::task::AbortHandle;
use tokio::time::timeout;

pub(crate) const OWNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

sol! {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
}

/// A follower and what it told.
pub(crate) struct FollowerHarness {
    pub(crate) inbox: Arc<ChangeAccumulator>,
    pub(crate) contracts: WatchedContracts,
    task: AbortHandle,
    pub(crate) touched: BTreeSet<Address>,
    pub(crate) blocks: BTreeMap<Address, u64>,
    pub(crate) everybody: u32,
    pub(crate) reorgs: u32,
    pub(crate) gaps: u32,
    pub(crate) caught_up: bool,
    pub(crate) cursor: Option<Cursor>,
}

impl Drop for FollowerHarness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FollowerHarness {
    pub(crate) fn start(
        memes: Address,
        rpcs: &[String],
        ws: &[String],
        poll: u64,
        quorum: usize,
        cursor: Option<Cursor>,
    ) -> Self {
        let config =
            ReaderConfig { rpc_addrs: rpcs.to_vec(), chain_id: 31337, quorum, ..ReaderConfig::default() };
        let reader = Arc::new(Reader::new(config, Arc::new(NoopObserver)).unwrap());
        let contracts =
            WatchedContracts::from(vec![memes, nft_delegation::MAINNET, delegate_registry::CANONICAL]);
        let poll = Duration::from_millis(poll);
        let config =
            FollowerConfig { contracts: contracts.clone(), ws_addrs: ws.to_vec(), poll_interval: poll };
        let inbox = Arc::new(ChangeAccumulator::default());
        let follower = Follower::new(config, reader, cursor, Arc::clone(&inbox));
        Self {
            inbox,
            contracts,
            task: tokio::spawn(follower.run()).abort_handle(),
            touched: BTreeSet::new(),
            blocks: BTreeMap::new(),
            everybody: 0,
            reorgs: 0,
            gaps: 0,
            caught_up: false,
            cursor: None,
        }
    }

    /// Takes news until `done`.
    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let news = timeout(left, self.inbox.next_batch()).await;
            let news = news.unwrap_or_else(|_| panic!("{what}: not in time; touched {:?}", self.touched));
            self.touched.extend(news.affected_addresses.keys());
            self.blocks.extend(news.affected_addresses);
            self.everybody += u32::from(news.recheck_all_from.is_some());
            self.reorgs += news.reorgs;
            self.gaps += u32::from(news.gap);
            self.caught_up = news.caught_up;
            self.cursor = news.cursor.or(self.cursor);
        }
    }

    pub(crate) async fn touches(&mut self, who: &[Address]) {
        self.until("touched", |told| who.iter().all(|one| told.touched.contains(one))).await;
    }
}

pub(crate) async fn fixture() -> (Anvil, DevChain, Address) {
    let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
    let memes = chain.deploy_memes(OWNER, 2).await.unwrap();
    (anvil, chain, memes)
}

pub(crate) fn ws(anvil: &Anvil) -> String {
    format!("ws://127.0.0.1:{}", anvil.port())
}

pub(crate) async fn transfer(chain: &DevChain, memes: Address, from: Address, to: Address, id: u64) {
    let call =
        safeTransferFromCall { from, to, id: U256::from(id), amount: U256::from(1), data: Vec::new().into() };
    chain.call(from, memes, &call).await.unwrap();
}

pub(crate) fn somebody() -> Address {
    Address::from(rand_bytes())
}

fn rand_bytes() -> [u8; 20] {
    use std::hash::{BuildHasher, Hasher};
    let mut bytes = [0; 20];
    for chunk in bytes.chunks_mut(8) {
        let word = std::hash::RandomState::new().build_hasher().finish().to_be_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    bytes
}
