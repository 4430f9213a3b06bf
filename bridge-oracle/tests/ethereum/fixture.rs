//! Fixture: the contracts on an anvil whose finality is two blocks behind its head, and operators with nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy::primitives::{Address, U256, address};
use bridge_oracle::policy::{self, Finality, Governed};
use bridge_oracle::standing::Follower;
use sentinel_proto::address::NodeAddress;
use serde_json::json;
use sovereign_contracts::dev::{Anvil, Deployment, DeploymentPlan, DevChain, DevKey, ether};
use sovereign_contracts::reader::{Observer, Reader, ReaderConfig};

const OWNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// Audit interval that no test reaches.
pub(crate) const LATER: Duration = Duration::from_secs(3600);

/// Counts calls to providers.
#[derive(Debug, Default)]
pub(crate) struct Calls(AtomicUsize);

impl Calls {
    /// Returns the number of calls since the last call of this function.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Observer for Calls {
    fn call_ended(&self, _: &str, _: &'static str, _: &'static str, _: Duration) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn head_seen(&self, _: Duration) {}
}

pub(crate) struct EthereumFixture {
    pub(crate) anvil: Anvil,
    pub(crate) chain: DevChain,
    pub(crate) system: Deployment,
    pub(crate) governed: Governed,
}

impl EthereumFixture {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(args: &[&str]) -> Self {
        let args = [&["--slots-in-an-epoch", "1"], args].concat();
        let (anvil, chain) = Anvil::start_with_stand_ins(&args).await.unwrap();
        let memes = chain.deploy_memes(OWNER, 21).await.unwrap();
        let system = Deployment::make(&chain, DeploymentPlan::local(memes)).await.unwrap();
        let mut governed: Governed = toml::from_str(policy::TEMPLATE).unwrap();
        governed.ethereum.chain_id = 31337;
        governed.ethereum.node_registry = system.system.nodes;
        governed.ethereum.parameter_registry = system.system.parameters;
        governed.ethereum.quorum = 1;
        Self { anvil, chain, system, governed }
    }

    /// Returns one anvil under two names, which count as two providers.
    pub(crate) fn urls(&self) -> [String; 2] {
        [self.anvil.url(), self.anvil.url().replace("127.0.0.1", "localhost")]
    }

    pub(crate) fn reader(&self, urls: &[String], calls: Arc<Calls>) -> Reader {
        let config = ReaderConfig {
            rpc_addrs: urls.to_vec(),
            chain_id: 31337,
            quorum: self.governed.ethereum.quorum,
            timeout: Duration::from_secs(20),
            max_lag: 128,
            gas: 100_000_000,
            ..ReaderConfig::default()
        };
        Reader::new(config, calls).unwrap()
    }

    /// Creates a follower with pages of three, and its call counter. The chain id is queried in advance, because that
    /// costs one call.
    pub(crate) async fn follower(&self, audit: Duration) -> (Follower, Arc<Calls>) {
        self.follower_of(&[self.anvil.url()], audit).await
    }

    pub(crate) async fn follower_of(&self, urls: &[String], audit: Duration) -> (Follower, Arc<Calls>) {
        let calls = Arc::new(Calls::default());
        let reader = self.reader(urls, Arc::clone(&calls));
        reader.probe(Duration::ZERO).await;
        calls.take();
        (Follower::new(reader, &self.governed.ethereum, 3, audit), calls)
    }

    /// Registers nodes with these numbers, two ether each.
    pub(crate) async fn register(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let operator = operator(number);
            let wealth = json!([operator.address(), format!("{:#x}", ether("100"))]);
            self.chain.rpc("anvil_setBalance", wealth).await.unwrap();
            self.chain.rpc("anvil_impersonateAccount", json!([operator.address()])).await.unwrap();
            self.system.register(&key(number), &operator, ether("2")).await.unwrap();
        }
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.chain.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await.unwrap();
    }

    /// Settles everything so far.
    pub(crate) async fn settle(&self) {
        self.mine(2).await;
    }

    pub(crate) async fn score(&self, number: u32, score: u16) {
        self.system.score(key(number).node(), score).await.unwrap();
    }

    pub(crate) async fn set_min_stake(&self, stake: U256) {
        self.system.set_parameter("MIN_STAKE", stake).await.unwrap();
    }

    pub(crate) fn at_depth(mut self, depth: u64) -> Self {
        self.governed.ethereum.finality = Finality::Depth(depth);
        self
    }
}

pub(crate) fn key(number: u32) -> DevKey {
    DevKey::from_name(&format!("node {number}"))
}

pub(crate) fn operator(number: u32) -> DevKey {
    DevKey::from_name(&format!("operator {number}"))
}

pub(crate) fn node(number: u32) -> NodeAddress {
    NodeAddress::new(key(number).node().0)
}
