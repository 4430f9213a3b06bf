//! Both chains, an oracle between them, and a holder with a subscription.

use std::time::Duration;

use alloy::primitives::{U256, keccak256};
use bridge_oracle::ops::health::Health;
use bridge_oracle::policy::{Governed, SCOPE};
use bridge_oracle::round::{Eyes, Rounds, View};
use bridge_oracle::standing::Follower;
use bridge_oracle::submit::Authz;
use prost_types::Any;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::Refused;
use sovereign_contracts::dev::{Key, ether};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use crate::chain::{CHAIN, DENOM};
use crate::contracts::{self, LATER};
use crate::town::{HOURS, PLAN, Town, key};

/// Long enough to be seen, short enough to wait for.
pub(crate) const GRACE: Duration = Duration::from_secs(6);

pub(crate) struct World {
    pub(crate) ethereum: contracts::Town,
    pub(crate) hub: Town,
    pub(crate) home: tempfile::TempDir,
}

pub(crate) type Oracle = Rounds<bridge_oracle::ledger::HubLedger, Authz>;

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

impl World {
    /// So many nodes, active on the hub, unknown to Ethereum; an approved configuration.
    pub(crate) async fn open(nodes: u16) -> Self {
        let mut ethereum = contracts::Town::open().await;
        let hub = Town::start(nodes, "86400s").await;
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
        let world = Self { ethereum, hub, home: tempfile::tempdir().unwrap() };
        world.approve().await;
        world
    }

    /// The timelock's word on the configuration, without its delay.
    pub(crate) async fn approve(&self) {
        approve(&self.ethereum).await;
    }

    pub(crate) async fn oracle(&self) -> Oracle {
        self.oracle_of(&[self.ethereum.anvil.url()]).await
    }

    /// With these providers of Ethereum.
    pub(crate) async fn oracle_of(&self, urls: &[String]) -> Oracle {
        let governed: Governed = self.ethereum.governed.clone();
        let (follower, _): (Follower, _) = self.ethereum.follower_of(urls, LATER).await;
        let (provider, plans) = (governed.hub.provider, &governed.hub.plans);
        let ledger = bridge_oracle::ledger::HubLedger::new(self.hub.hub.clone(), provider, plans, DENOM);
        let submit = self.hub.oracle(self.home.path());
        let eyes = Eyes { governed, follower, ledger };
        Rounds::new(self.home.path(), eyes, submit, Health::default()).unwrap()
    }

    pub(crate) fn node(&self, index: usize) -> NodeAddress {
        self.hub.node(index)
    }

    /// The node's key, as Ethereum's side needs it.
    pub(crate) fn node_key(index: u16) -> Key {
        let mut secret = [7; 32];
        secret[..2].copy_from_slice(&(100 + index).to_be_bytes());
        Key::from_secret(secret.into()).unwrap()
    }

    /// Registers with the node's proof, with a good score; not settled yet.
    pub(crate) async fn register(&self, index: u16) {
        register(&self.ethereum, index).await;
    }

    pub(crate) async fn score(&self, index: u16, score: u16) {
        self.ethereum.system.score(Self::node_key(index).node(), score).await.unwrap();
    }

    /// Takes `percent` of a node's stake, in the slashing manager's place.
    pub(crate) async fn slash(&self, index: u16, percent: u64) {
        let call = NodeRegistry::slashCall {
            node: Self::node_key(index).node(),
            bps: U256::from(percent * 100),
            offence: keccak256("offence"),
        };
        let system = self.ethereum.system.system;
        self.ethereum.chain.call(system.slashing, system.nodes, &call).await.unwrap();
    }

    /// What happened on Ethereum is settled, and one round is made.
    pub(crate) async fn settled_round(&self, oracle: &mut Oracle) -> View {
        self.ethereum.settle().await;
        oracle.round(None).await.unwrap()
    }

    /// A stranger with coins subscribes to the plan and starts a session on a node.
    pub(crate) async fn session(&self, index: usize) -> Result<(), Refused> {
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

/// The timelock's word on the configuration, without its delay.
pub(crate) async fn approve(town: &contracts::Town) {
    let config_hash = town.governed.hash();
    let call = ParameterRegistry::approveConfigCall { scope: keccak256(SCOPE), configHash: config_hash };
    let system = town.system.system;
    town.chain.call(system.timelock, system.parameters, &call).await.unwrap();
    town.settle().await;
}

/// Registers with the node's proof, with a good score; not settled yet.
pub(crate) async fn register(town: &contracts::Town, index: u16) {
    register_without_score(town, index).await;
    town.system.score(World::node_key(index).node(), 500).await.unwrap();
}

pub(crate) async fn register_without_score(town: &contracts::Town, index: u16) {
    let operator = contracts::operator(index.into());
    let wealth = serde_json::json!([operator.address(), format!("{:#x}", ether("100"))]);
    town.chain.rpc("anvil_setBalance", wealth).await.unwrap();
    let key = World::node_key(index);
    town.system.register(&key, &operator, ether("1")).await.unwrap();
}
