//! Standing of the node in the real registry: a fault applies at once, its end when settled.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{FixedBytes, U256, keccak256};
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::dev::{Deployment, DeploymentPlan, DevKey, ether};
use sovereign_contracts::reader::{Reader, ReaderConfig};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};
use sovereign_gate::config::Finality;
use sovereign_gate::standing::{
    NodeRegistryReader, StandingFault, StandingFinding, StandingQuery, StandingSource,
};

use crate::fixture::*;

struct Place {
    fixture: Fixture,
    deployment: Deployment,
    source: StandingSource,
    node: DevKey,
}

const GOOD: StandingFinding = StandingFinding::Registered(Ok(()));

impl Place {
    /// Finality is two blocks behind the head.
    async fn open() -> Self {
        let fixture = Fixture::start_on(&["--slots-in-an-epoch", "1"], CARDS, |_| {}).await;
        let deployment =
            Deployment::make(&fixture.chain, DeploymentPlan::local(fixture.memes)).await.unwrap();
        let reader = ReaderConfig {
            rpc_addrs: vec![fixture.chain.url().to_owned()],
            chain_id: 31337,
            timeout: Duration::from_secs(20),
            ..ReaderConfig::default()
        };
        let source = StandingSource::Registry(Box::new(NodeRegistryReader {
            reader: Arc::new(Reader::new(reader, Arc::clone(&fixture.counter) as _).unwrap()),
            nodes: deployment.system.nodes,
            parameters: Some(deployment.system.parameters),
            min_score: 0,
            settled: Finality::Finalized,
        }));
        Self { fixture, deployment, source, node: DevKey::from_name("node") }
    }

    async fn ask(&self, before: Option<&StandingFinding>) -> StandingFinding {
        let node = NodeAddress::new(self.node.node().0);
        self.source.read_standing(&StandingQuery { node, plans: [7].into() }, before).await.unwrap()
    }

    async fn fault(&self, before: Option<&StandingFinding>) -> StandingFault {
        match self.ask(before).await {
            StandingFinding::Registered(Err(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    async fn settle(&self) {
        for _ in 0..3 {
            self.fixture.chain.mine_after(1).await.unwrap();
        }
    }
}

#[tokio::test]
async fn fault_counts_at_once_and_its_end_after_finality() {
    let place = Place::open().await;
    let (system, chain) = (place.deployment.system, &place.fixture.chain);
    assert_eq!(place.fault(None).await, StandingFault::NotRegistered);

    // The committee posts scores, which apply.
    let least = 100;
    place.deployment.set_parameter("MIN_ACTIVATION_SCORE", U256::from(least)).await.unwrap();
    place.settle().await;
    place.deployment.register(&place.node, &DevKey::from_name("operator"), ether("1")).await.unwrap();
    assert_eq!(place.fault(None).await, StandingFault::Score { score: 0, least }, "the governed least score");
    place.deployment.score(place.node.node(), 100).await.unwrap();
    let unsettled = place.fault(None).await;
    assert!(matches!(unsettled, StandingFault::Unsettled(_)), "{unsettled:?}");
    place.settle().await;
    assert_eq!(place.ask(None).await, GOOD);

    let slash =
        NodeRegistry::slashCall { node: place.node.node(), bps: U256::from(9000), offence: keccak256("o") };
    chain.call(system.slashing, system.nodes, &slash).await.unwrap();
    assert_eq!(place.fault(Some(&GOOD)).await, StandingFault::Inactive, "before it is settled");
    place.settle().await;
    let top_up = NodeRegistry::topUpCall { node: place.node.node() };
    chain.pay(DevKey::from_name("operator").address(), system.nodes, &top_up, ether("1")).await.unwrap();
    assert!(matches!(place.fault(None).await, StandingFault::Unsettled(_)));
    place.settle().await;
    assert_eq!(place.ask(None).await, GOOD);

    let guardian = place.deployment.plan.guardian;
    let ban = ParameterRegistry::blacklistNodeCall { node: place.node.node(), reason: FixedBytes::ZERO };
    chain.call(guardian, system.parameters, &ban).await.unwrap();
    assert_eq!(place.fault(Some(&GOOD)).await, StandingFault::Blacklisted);
    chain
        .call(guardian, system.parameters, &ParameterRegistry::clearNodeCall { node: place.node.node() })
        .await
        .unwrap();

    let leave = NodeRegistry::deregisterNodeCall { node: place.node.node() };
    chain.call(DevKey::from_name("operator").address(), system.nodes, &leave).await.unwrap();
    assert_eq!(place.fault(Some(&GOOD)).await, StandingFault::Inactive, "leaving");
}

#[tokio::test]
async fn good_standing_costs_one_call_and_a_missing_registry_is_an_error() {
    let place = Place::open().await;
    place.deployment.register(&place.node, &DevKey::from_name("operator"), ether("1")).await.unwrap();
    place.deployment.score(place.node.node(), 500).await.unwrap();
    place.settle().await;
    assert_eq!(place.ask(None).await, GOOD);
    let cost = place.fixture.cost(async { assert_eq!(place.ask(Some(&GOOD)).await, GOOD) }).await;
    assert_eq!(cost, 1);

    let StandingSource::Registry(mut registry) = place.source else { panic!("another source") };
    registry.nodes = place.fixture.memes;
    let question = StandingQuery { node: NodeAddress::new(place.node.node().0), plans: [7].into() };
    let error =
        StandingSource::Registry(registry).read_standing(&question, None).await.unwrap_err().to_string();
    assert!(error.contains("standing"), "{error}");
}
