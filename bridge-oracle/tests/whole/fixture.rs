//! Fixture: both chains, an oracle between them, and a holder with a subscription.

use std::time::Duration;

use alloy::primitives::{U256, keccak256};
use bridge_oracle::ops::health::Health;
use bridge_oracle::policy::{APPROVAL_SCOPE, Governed};
use bridge_oracle::round::{ChainView, RoundRunner, RoundSnapshot};
use bridge_oracle::standing::Follower;
use bridge_oracle::submit::AuthzSender;
use prost_types::Any;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::TxRejection;
use sovereign_contracts::dev::{DevKey, ether};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use crate::chain::{CHAIN, DENOM};
use crate::ethereum_fixture::{self, LATER};
use crate::hub_fixture::{HOURS, HubFixture, PLAN, key};

/// Long enough to observe, short enough to wait for.
pub(crate) const GRACE: Duration = Duration::from_secs(6);

pub(crate) struct BridgeFixture {
    pub(crate) ethereum: ethereum_fixture::EthereumFixture,
    pub(crate) hub: HubFixture,
    pub(crate) home: tempfile::TempDir,
}

pub(crate) type Oracle = RoundRunner<bridge_oracle::ledger::HubLedger, AuthzSender>;

/// `sentinel.plan.v3.MsgStartSessionRequest`, as a client sends it.
#[derive(Clone, PartialEq, prost::Message)]
struct StartSession {
    #[prost(string, tag = "1")]
    from: String,
    #[prost(uint64, tag = "2")]
    id: u64,
    #[prost(string, tag = "3")]
    denom: String,
    #[prost(int32, tag = "4")]
    renewal_price_policy: i32,
    #[prost(string, tag = "5")]
    node_address: String,
}

impl BridgeFixture {
    /// Starts `nodes` nodes, active on the hub and unknown to Ethereum, with an approved configuration.
    pub(crate) async fn open(nodes: u16) -> Self {
        let mut ethereum = ethereum_fixture::EthereumFixture::open().await;
        let hub = HubFixture::start(nodes, "86400s").await;
        let governed = &mut ethereum.governed;
        CHAIN.clone_into(&mut governed.hub.chain_id);
        governed.hub.provider = hub.provider_address();
        governed.hub.plans = vec![PLAN];
        governed.hub.members = vec![hub.oracle.account()];
        governed.standing.score_grace = GRACE;
        governed.standing.min_dwell = Duration::from_secs(2);
        governed.limits.max_removed_percent = 50;
        DENOM.clone_into(&mut governed.lease.denom);
        governed.lease.hours = HOURS;
        governed.lease.max_per_day = 1_000_000_000;
        governed.approval.grace = Duration::from_secs(3);
        let fixture = Self { ethereum, hub, home: tempfile::tempdir().unwrap() };
        fixture.approve().await;
        fixture
    }

    /// Approves the configuration as the timelock, without its delay.
    pub(crate) async fn approve(&self) {
        approve(&self.ethereum).await;
    }

    pub(crate) async fn oracle(&self) -> Oracle {
        self.oracle_of(&[self.ethereum.anvil.url()]).await
    }

    /// Creates an oracle with these providers of Ethereum.
    pub(crate) async fn oracle_of(&self, urls: &[String]) -> Oracle {
        let governed: Governed = self.ethereum.governed.clone();
        let (follower, _): (Follower, _) = self.ethereum.follower_of(urls, LATER).await;
        let (provider, plans) = (governed.hub.provider, &governed.hub.plans);
        let ledger = bridge_oracle::ledger::HubLedger::new(self.hub.hub.clone(), provider, plans, DENOM);
        let submit = self.hub.oracle(self.home.path());
        let chain_view = ChainView { governed, follower, ledger };
        RoundRunner::new(self.home.path(), chain_view, submit, Health::default()).unwrap()
    }

    pub(crate) fn node(&self, index: usize) -> NodeAddress {
        self.hub.node(index)
    }

    /// Returns the node's key as Ethereum's side needs it.
    pub(crate) fn node_key(index: u16) -> DevKey {
        let mut secret = [7; 32];
        secret[..2].copy_from_slice(&(100 + index).to_be_bytes());
        DevKey::from_secret(secret.into()).unwrap()
    }

    /// Registers a node with its proof and a good score; not settled yet.
    pub(crate) async fn register(&self, index: u16) {
        register(&self.ethereum, index).await;
    }

    pub(crate) async fn score(&self, index: u16, score: u16) {
        self.ethereum.system.score(Self::node_key(index).node(), score).await.unwrap();
    }

    /// Slashes `percent` of a node's stake, as the slashing manager.
    pub(crate) async fn slash(&self, index: u16, percent: u64) {
        let call = NodeRegistry::slashCall {
            node: Self::node_key(index).node(),
            bps: U256::from(percent * 100),
            offence: keccak256("offence"),
        };
        let system = self.ethereum.system.system;
        self.ethereum.chain.call(system.slashing, system.nodes, &call).await.unwrap();
    }

    /// Settles Ethereum and runs one round.
    pub(crate) async fn settled_round(&self, oracle: &mut Oracle) -> RoundSnapshot {
        self.ethereum.settle().await;
        oracle.run_round(None).await.unwrap()
    }

    /// Subscribes to the plan from another account and starts a session on a node.
    pub(crate) async fn session(&self, index: usize) -> Result<(), TxRejection> {
        let holder = key(2);
        let message = StartSession {
            from: holder.account().to_string(),
            id: PLAN,
            denom: DENOM.to_owned(),
            renewal_price_policy: 0,
            node_address: self.node(index).to_string(),
        };
        let message = Any {
            type_url: "/sentinel.plan.v3.MsgStartSessionRequest".to_owned(),
            value: prost::Message::encode_to_vec(&message),
        };
        self.hub.send(&holder, vec![message]).await.map(drop)
    }

    pub(crate) async fn links(&self) -> Vec<NodeAddress> {
        self.hub.ledger().await.plans[&PLAN].links.iter().copied().collect()
    }

    pub(crate) async fn is_linked(&self, index: usize) -> bool {
        self.links().await.contains(&self.node(index))
    }
}

/// Approves the configuration as the timelock, without its delay.
pub(crate) async fn approve(fixture: &ethereum_fixture::EthereumFixture) {
    let config_hash = fixture.governed.hash();
    let call =
        ParameterRegistry::approveConfigCall { scope: keccak256(APPROVAL_SCOPE), configHash: config_hash };
    let system = fixture.system.system;
    fixture.chain.call(system.timelock, system.parameters, &call).await.unwrap();
    fixture.settle().await;
}

/// Registers a node with its proof and a good score; not settled yet.
pub(crate) async fn register(fixture: &ethereum_fixture::EthereumFixture, index: u16) {
    register_without_score(fixture, index).await;
    fixture.system.score(BridgeFixture::node_key(index).node(), 500).await.unwrap();
}

pub(crate) async fn register_without_score(fixture: &ethereum_fixture::EthereumFixture, index: u16) {
    let operator = ethereum_fixture::operator(index.into());
    let wealth = serde_json::json!([operator.address(), format!("{:#x}", ether("100"))]);
    fixture.chain.rpc("anvil_setBalance", wealth).await.unwrap();
    let key = BridgeFixture::node_key(index);
    fixture.system.register(&key, &operator, ether("1")).await.unwrap();
}
