//! Scenarios of a node over both chains.

use std::time::Duration;

use alloy::primitives::{FixedBytes, U256};
use bridge_oracle::reconcile::{Action, NodeStatus};
use bridge_oracle::round::RoundError;
use prost_types::Any;
use sentinel_proto::tx::pack_any;
use sentinel_proto::wire::sentinel::lease::v1::MsgEndLeaseRequest;
use sentinel_proto::wire::sentinel::node::v3::MsgUpdateNodeStatusRequest;
use sentinel_proto::wire::sentinel::types::v1::{Price, Status};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use crate::chain::DENOM;
use crate::ethereum_fixture;
use crate::fixture::{BridgeFixture, GRACE, register_without_score};
use crate::hub_fixture::HOURLY;

#[tokio::test(flavor = "multi_thread")]
async fn links_registered_node_for_sessions_and_unlinks_slashed_node() {
    let fixture = BridgeFixture::open(3).await;
    let mut oracle = fixture.oracle().await;
    oracle.resume().await.unwrap();
    fixture.register(0).await;
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty(), "not settled yet");
    assert!(fixture.links().await.is_empty());
    fixture.session(0).await.unwrap_err();

    let view = fixture.settled_round(&mut oracle).await;
    assert_eq!(view.decision.steps.len(), 2, "{:?}", view.decision);
    assert!(fixture.is_linked(0).await);
    fixture.session(0).await.unwrap();
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty(), "once is enough");

    // A slash of two percent leaves more than the minimum stake, one of sixty percent does not.
    fixture.slash(0, 2).await;
    assert!(fixture.settled_round(&mut oracle).await.decision.steps.is_empty());
    fixture.slash(0, 60).await;
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty(), "not settled yet");
    let view = fixture.settled_round(&mut oracle).await;
    let labels: Vec<_> = view.decision.steps.iter().map(|step| step.action.label()).collect();
    assert_eq!(labels, ["unlink", "end_lease"]);
    assert!(!fixture.is_linked(0).await && fixture.hub.ledger().await.leases.is_empty());
    let refusal = fixture.session(0).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("node {} for plan", fixture.node(0))), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn removes_faulty_nodes_and_links_recovered_ones_again() {
    let fixture = BridgeFixture::open(6).await;
    // A committee posts scores, and they count.
    fixture.ethereum.system.set_parameter("MIN_ACTIVATION_SCORE", U256::from(100)).await.unwrap();
    let mut oracle = fixture.oracle().await;
    for index in 0..6 {
        fixture.register(index).await;
    }
    fixture.settled_round(&mut oracle).await;
    assert_eq!(fixture.links().await.len(), 6);

    // Deregistration and blacklisting remove at once; a low score after the grace period.
    let (chain, system) = (&fixture.ethereum.chain, fixture.ethereum.system.system);
    let node = |index| BridgeFixture::node_key(index).node();
    let leave = NodeRegistry::deregisterNodeCall { node: node(0) };
    chain.call(ethereum_fixture::operator(0).address(), system.nodes, &leave).await.unwrap();
    let emergency = ParameterRegistry::blacklistNodeCall { node: node(1), reason: FixedBytes::ZERO };
    let guardian = fixture.ethereum.system.plan.guardian;
    chain.call(guardian, system.parameters, &emergency).await.unwrap();
    fixture.score(2, 99).await;
    let view = fixture.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&fixture.node(2)].status, NodeStatus::Grace { .. }));
    assert!(!fixture.is_linked(0).await && !fixture.is_linked(1).await && fixture.is_linked(2).await);
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    oracle.run_round(None).await.unwrap();
    assert!(!fixture.is_linked(2).await && fixture.is_linked(3).await);

    // A fourth removal of six exceeds half: nothing happens until the operator consents.
    fixture.slash(3, 100).await;
    let view = fixture.settled_round(&mut oracle).await;
    assert!(view.decision.halt.is_some() && fixture.is_linked(3).await);
    assert!(oracle.run_round(Some(4)).await.unwrap().decision.halt.is_none());
    assert!(!fixture.is_linked(3).await);

    // Cleared, and above the margin: linked again after the dwell time.
    let clear = ParameterRegistry::clearNodeCall { node: node(1) };
    chain.call(guardian, system.parameters, &clear).await.unwrap();
    fixture.score(2, 200).await;
    let view = fixture.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&fixture.node(1)].status, NodeStatus::Waiting { .. }));
    tokio::time::sleep(Duration::from_secs(4)).await;
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(1).await && fixture.is_linked(2).await);
}

/// Contracts as shipped, before a committee posts: the minimum stake suffices until scores are required.
#[tokio::test(flavor = "multi_thread")]
async fn links_a_node_without_a_score_in_the_bootstrap_phase() {
    let fixture = BridgeFixture::open(1).await;
    let mut oracle = fixture.oracle().await;
    register_without_score(&fixture.ethereum, 0).await;
    fixture.settled_round(&mut oracle).await;
    assert!(fixture.is_linked(0).await);

    fixture.ethereum.system.set_parameter("MIN_ACTIVATION_SCORE", U256::from(100)).await.unwrap();
    let view = fixture.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&fixture.node(0)].status, NodeStatus::Grace { .. }));
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    // The only node of the plan: its removal needs the operator's consent.
    oracle.run_round(Some(1)).await.unwrap();
    assert!(!fixture.is_linked(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_nodes_dropped_by_hub_and_renews_leases() {
    let mut fixture = BridgeFixture::open(2).await;
    let mut oracle = fixture.oracle().await;
    fixture.register(0).await;
    fixture.register(1).await;
    fixture.settled_round(&mut oracle).await;
    assert_eq!(fixture.links().await.len(), 2);

    // An inactive node loses lease and link without a transaction of the oracle.
    let status = |status: Status| {
        pack_any(&MsgUpdateNodeStatusRequest { from: fixture.node(0).to_string(), status: status.into() })
    };
    fixture.hub.send(&fixture.hub.nodes[0], vec![status(Status::Inactive)]).await.unwrap();
    assert!(!fixture.is_linked(0).await);
    let view = oracle.run_round(None).await.unwrap();
    assert!(view.decision.steps.is_empty());
    assert_eq!(view.decision.rows[&fixture.node(0)].held.as_deref(), Some("inactive on the hub"));
    fixture.hub.send(&fixture.hub.nodes[0], vec![status(Status::Active)]).await.unwrap();
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(0).await);

    // A lease that ended.
    let lease = fixture.hub.ledger().await.leases[&fixture.node(1)].id;
    let from = fixture.hub.provider_address().to_string();
    fixture
        .hub
        .send(&fixture.hub.provider, vec![pack_any(&MsgEndLeaseRequest { from, id: lease })])
        .await
        .unwrap();
    assert!(!fixture.is_linked(1).await);
    oracle.run_round(None).await.unwrap();
    assert!(fixture.is_linked(1).await);

    // A configuration that renews early, after its approval.
    drop(oracle);
    fixture.ethereum.governed.lease.renew_before = Duration::from_secs(36_000 - 2);
    let error = fixture.oracle().await.run_round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Approval(_)), "{error}");
    fixture.approve().await;
    let mut oracle = fixture.oracle().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // At the same price the hub renews the lease itself, later.
    assert!(oracle.run_round(None).await.unwrap().decision.steps.is_empty());
    dearer(&fixture, 1).await;
    let before = fixture.hub.ledger().await.leases[&fixture.node(1)].clone();
    let view = oracle.run_round(None).await.unwrap();
    let renewed = |step: &bridge_oracle::reconcile::Step| matches!(step.action, Action::RenewLease { .. });
    assert_eq!(view.decision.steps.iter().filter(|step| renewed(step)).count(), 1);
    let after = fixture.hub.ledger().await.leases[&fixture.node(1)].clone();
    assert!(after.id == before.id && after.start > before.start && after.price.quote == 2 * HOURLY);
    assert!(fixture.is_linked(1).await, "a renewal cancels nothing");
}

/// `sentinel.node.v3.MsgUpdateNodeDetailsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct UpdateDetails {
    #[prost(string, tag = "1")]
    from: String,
    #[prost(message, repeated, tag = "2")]
    gigabyte_prices: Vec<Price>,
    #[prost(message, repeated, tag = "3")]
    hourly_prices: Vec<Price>,
}

/// Doubles the node's price.
async fn dearer(fixture: &BridgeFixture, index: usize) {
    let price =
        Price { denom: DENOM.to_owned(), base_value: "0".to_owned(), quote_value: (2 * HOURLY).to_string() };
    let prices = vec![price];
    let from = fixture.node(index).to_string();
    let message = UpdateDetails { from, gigabyte_prices: prices.clone(), hourly_prices: prices };
    let message = Any {
        type_url: "/sentinel.node.v3.MsgUpdateNodeDetailsRequest".to_owned(),
        value: prost::Message::encode_to_vec(&message),
    };
    fixture.hub.send(&fixture.hub.nodes[index], vec![message]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_approval_stops_oracle_after_grace() {
    let fixture = BridgeFixture::open(1).await;
    let mut oracle = fixture.oracle().await;
    oracle.run_round(None).await.unwrap();
    let system = fixture.ethereum.system.system;
    let withdraw = ParameterRegistry::approveConfigCall {
        scope: alloy::primitives::keccak256(bridge_oracle::policy::APPROVAL_SCOPE),
        configHash: FixedBytes::ZERO,
    };
    fixture.ethereum.chain.call(system.timelock, system.parameters, &withdraw).await.unwrap();
    fixture.register(0).await;
    fixture.settled_round(&mut oracle).await;
    assert!(fixture.is_linked(0).await, "it goes on within the grace");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let error = oracle.run_round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::Approval(_)), "{error}");
}
