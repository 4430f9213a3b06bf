//! What becomes of a node.

use std::time::Duration;

use alloy::primitives::{FixedBytes, U256};
use bridge_oracle::reconcile::{Action, Stance};
use bridge_oracle::round::RoundError;
use prost_types::Any;
use sentinel_proto::tx::any;
use sentinel_proto::wire::sentinel::lease::v1::MsgEndLeaseRequest;
use sentinel_proto::wire::sentinel::node::v3::MsgUpdateNodeStatusRequest;
use sentinel_proto::wire::sentinel::types::v1::{Price, Status};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use crate::chain::DENOM;
use crate::contracts;
use crate::town::HOURLY;
use crate::world::{GRACE, World, register_without_score};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_proof_to_a_session_and_from_a_slash_to_a_refusal() {
    let world = World::open(3).await;
    let mut oracle = world.oracle().await;
    oracle.resume().await.unwrap();
    world.register(0).await;
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty(), "not settled yet");
    assert!(world.links().await.is_empty());
    world.session(0).await.unwrap_err();

    let view = world.settled_round(&mut oracle).await;
    assert_eq!(view.decision.steps.len(), 2, "{:?}", view.decision);
    assert!(world.is_linked(0).await);
    world.session(0).await.unwrap();
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty(), "once is enough");

    // Two percent of an ether leave more than the least stake, sixty do not.
    world.slash(0, 2).await;
    assert!(world.settled_round(&mut oracle).await.decision.steps.is_empty());
    world.slash(0, 60).await;
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty(), "not settled yet");
    let view = world.settled_round(&mut oracle).await;
    let labels: Vec<_> = view.decision.steps.iter().map(|step| step.action.label()).collect();
    assert_eq!(labels, ["unlink", "end_lease"]);
    assert!(!world.is_linked(0).await && world.hub.ledger().await.leases.is_empty());
    let refusal = world.session(0).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("node {} for plan", world.node(0))), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_of_good_standing_and_the_ways_back() {
    let world = World::open(6).await;
    // A committee posts scores, and they count.
    world.ethereum.system.set_parameter("MIN_ACTIVATION_SCORE", U256::from(100)).await.unwrap();
    let mut oracle = world.oracle().await;
    for index in 0..6 {
        world.register(index).await;
    }
    world.settled_round(&mut oracle).await;
    assert_eq!(world.links().await.len(), 6);

    // Deregistered, and blacklisted: at once. A low score: after the grace.
    let (chain, system) = (&world.ethereum.chain, world.ethereum.system.system);
    let node = |index| World::node_key(index).node();
    let leave = NodeRegistry::deregisterNodeCall { node: node(0) };
    chain.call(contracts::operator(0).address(), system.nodes, &leave).await.unwrap();
    let emergency = ParameterRegistry::blacklistNodeCall { node: node(1), reason: FixedBytes::ZERO };
    let guardian = world.ethereum.system.plan.guardian;
    chain.call(guardian, system.parameters, &emergency).await.unwrap();
    world.score(2, 99).await;
    let view = world.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&world.node(2)].stance, Stance::Grace { .. }));
    assert!(!world.is_linked(0).await && !world.is_linked(1).await && world.is_linked(2).await);
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    oracle.round(None).await.unwrap();
    assert!(!world.is_linked(2).await && world.is_linked(3).await);

    // A fourth of six is more than half: nothing happens until the operator says so.
    world.slash(3, 100).await;
    let view = world.settled_round(&mut oracle).await;
    assert!(view.decision.halt.is_some() && world.is_linked(3).await);
    assert!(oracle.round(Some(4)).await.unwrap().decision.halt.is_none());
    assert!(!world.is_linked(3).await);

    // Cleared, and better by the margin: back after the dwell time.
    let clear = ParameterRegistry::clearNodeCall { node: node(1) };
    chain.call(guardian, system.parameters, &clear).await.unwrap();
    world.score(2, 200).await;
    let view = world.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&world.node(1)].stance, Stance::Waiting { .. }));
    tokio::time::sleep(Duration::from_secs(4)).await;
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(1).await && world.is_linked(2).await);
}

/// As the contracts are shipped, before a committee posts: the minimum stake is enough, until scores are required.
#[tokio::test(flavor = "multi_thread")]
async fn links_a_node_without_a_score_in_the_bootstrap_phase() {
    let world = World::open(1).await;
    let mut oracle = world.oracle().await;
    register_without_score(&world.ethereum, 0).await;
    world.settled_round(&mut oracle).await;
    assert!(world.is_linked(0).await);

    world.ethereum.system.set_parameter("MIN_ACTIVATION_SCORE", U256::from(100)).await.unwrap();
    let view = world.settled_round(&mut oracle).await;
    assert!(matches!(view.decision.rows[&world.node(0)].stance, Stance::Grace { .. }));
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    // The only node of the plan: removing it waits for the operator's word.
    oracle.round(Some(1)).await.unwrap();
    assert!(!world.is_linked(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_drops_by_itself_is_put_back_and_leases_are_renewed() {
    let mut world = World::open(2).await;
    let mut oracle = world.oracle().await;
    world.register(0).await;
    world.register(1).await;
    world.settled_round(&mut oracle).await;
    assert_eq!(world.links().await.len(), 2);

    // A node that goes inactive loses lease and link without a transaction of ours.
    let status = |status: Status| {
        any(&MsgUpdateNodeStatusRequest { from: world.node(0).to_string(), status: status.into() })
    };
    world.hub.send(&world.hub.nodes[0], vec![status(Status::Inactive)]).await.unwrap();
    assert!(!world.is_linked(0).await);
    let view = oracle.round(None).await.unwrap();
    assert!(view.decision.steps.is_empty());
    assert_eq!(view.decision.rows[&world.node(0)].held.as_deref(), Some("inactive on the hub"));
    world.hub.send(&world.hub.nodes[0], vec![status(Status::Active)]).await.unwrap();
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(0).await);

    // A lease that ended.
    let lease = world.hub.ledger().await.leases[&world.node(1)].id;
    let from = world.hub.provider_address().to_string();
    world.hub.send(&world.hub.provider, vec![any(&MsgEndLeaseRequest { from, id: lease })]).await.unwrap();
    assert!(!world.is_linked(1).await);
    oracle.round(None).await.unwrap();
    assert!(world.is_linked(1).await);

    // Another configuration, which renews early, once it is approved.
    drop(oracle);
    world.ethereum.governed.lease.renew_before = Duration::from_secs(36_000 - 2);
    let error = world.oracle().await.round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::NotApproved(_)), "{error}");
    world.approve().await;
    let mut oracle = world.oracle().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // At the same price the hub does it by itself, later.
    assert!(oracle.round(None).await.unwrap().decision.steps.is_empty());
    dearer(&world, 1).await;
    let before = world.hub.ledger().await.leases[&world.node(1)].clone();
    let view = oracle.round(None).await.unwrap();
    let renewed = |step: &bridge_oracle::reconcile::Step| matches!(step.action, Action::RenewLease { .. });
    assert_eq!(view.decision.steps.iter().filter(|step| renewed(step)).count(), 1);
    let after = world.hub.ledger().await.leases[&world.node(1)].clone();
    assert!(after.id == before.id && after.start > before.start && after.price.quote == 2 * HOURLY);
    assert!(world.is_linked(1).await, "a renewal cancels nothing");
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

/// The node doubles its price.
async fn dearer(world: &World, index: usize) {
    let price =
        Price { denom: DENOM.to_owned(), base_value: "0".to_owned(), quote_value: (2 * HOURLY).to_string() };
    let prices = vec![price];
    let from = world.node(index).to_string();
    let message = UpdateDetails { from, gigabyte_prices: prices.clone(), hourly_prices: prices };
    let message = Any {
        type_url: "/sentinel.node.v3.MsgUpdateNodeDetailsRequest".to_owned(),
        value: prost::Message::encode_to_vec(&message),
    };
    world.hub.send(&world.hub.nodes[index], vec![message]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_withdrawn_stops_a_running_oracle_after_its_grace() {
    let world = World::open(1).await;
    let mut oracle = world.oracle().await;
    oracle.round(None).await.unwrap();
    let system = world.ethereum.system.system;
    let withdraw = ParameterRegistry::approveConfigCall {
        scope: alloy::primitives::keccak256(bridge_oracle::policy::SCOPE),
        configHash: FixedBytes::ZERO,
    };
    world.ethereum.chain.call(system.timelock, system.parameters, &withdraw).await.unwrap();
    world.register(0).await;
    world.settled_round(&mut oracle).await;
    assert!(world.is_linked(0).await, "it goes on within the grace");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let error = oracle.round(None).await.unwrap_err();
    assert!(matches!(error, RoundError::NotApproved(_)), "{error}");
}
