//! What changes is seen, at the price that it should have.

use std::time::Duration;

use alloy::primitives::{FixedBytes, keccak256};
use sovereign_contracts::dev::ether;
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::town::{LATER, Town, key, node, operator};

#[tokio::test]
async fn the_registry_is_read_page_by_page_at_one_settled_block() {
    let town = Town::open().await;
    town.register(0..7).await;
    let (mut follower, calls) = town.follower(LATER).await;
    let before = follower.refresh().await.unwrap().nodes.len();
    assert!(before < 7, "the last two are not settled yet");
    town.settle().await;
    let (mut follower, calls_of_all) = town.follower(LATER).await;
    let standings = follower.refresh().await.unwrap().clone();
    assert_eq!(calls_of_all.take(), 3, "seven nodes in pages of three");
    assert_eq!(standings.nodes.len(), 7);
    for number in 0..7 {
        let standing = standings.nodes[&node(number)];
        assert!(standing.active && !standing.blacklisted);
        assert_eq!((standing.stake, standing.score), (ether("2"), 0));
    }
    assert_eq!(standings.parameters.min_stake, ether("0.5"));
    assert!(calls.take() > 0);
}

#[tokio::test]
async fn a_round_without_change_costs_two_calls_and_one_with_changes_a_third() {
    let town = Town::open().await;
    town.register(0..4).await;
    town.settle().await;
    let (mut follower, calls) = town.follower(LATER).await;
    follower.refresh().await.unwrap();
    calls.take();
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 1, "the same block");
    town.mine(5).await;
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 2, "new blocks, nothing in them");

    town.score(2, 640).await;
    assert_eq!(follower.refresh().await.unwrap().nodes[&node(2)].score, 0, "not settled yet");
    town.settle().await;
    calls.take();
    let standings = follower.refresh().await.unwrap();
    assert_eq!((calls.take(), standings.nodes[&node(2)].score), (3, 640));
}

#[tokio::test]
async fn every_kind_of_change_is_seen_without_an_audit() {
    let town = Town::open().await;
    town.register(0..4).await;
    town.settle().await;
    let (mut follower, _) = town.follower(LATER).await;
    follower.refresh().await.unwrap();

    let (chain, system) = (&town.chain, town.system.system);
    let call = NodeRegistry::deregisterNodeCall { node: key(0).node() };
    chain.call(operator(0).address(), system.nodes, &call).await.unwrap();
    let call = NodeRegistry::blacklistCall { node: key(1).node() };
    chain.call(system.timelock, system.nodes, &call).await.unwrap();
    let call = NodeRegistry::slashCall {
        node: key(2).node(),
        bps: alloy::primitives::U256::from(9000),
        offence: keccak256("offence"),
    };
    chain.call(system.slashing, system.nodes, &call).await.unwrap();
    let reason = FixedBytes::ZERO;
    let call = ParameterRegistry::blacklistNodeCall { node: key(3).node(), reason };
    chain.call(town.system.plan.guardian, system.parameters, &call).await.unwrap();
    town.register(4..5).await;
    town.settle().await;

    let standings = follower.refresh().await.unwrap();
    assert!(!standings.nodes[&node(0)].active, "leaving");
    assert!(standings.nodes[&node(1)].blacklisted, "for good");
    assert!(!standings.nodes[&node(2)].active, "slashed below the least stake");
    assert_eq!(standings.nodes[&node(2)].stake, ether("0.2"));
    assert!(standings.nodes[&node(3)].blacklisted, "in an emergency");
    assert!(standings.nodes[&node(4)].active);
}

#[tokio::test]
async fn parameters_that_concern_all_nodes_have_all_read_anew() {
    let town = Town::open().await;
    town.register(0..1).await;
    town.settle().await;
    let (mut follower, _) = town.follower(LATER).await;
    follower.refresh().await.unwrap();
    town.set_min_stake(ether("3")).await;
    town.settle().await;
    let standings = follower.refresh().await.unwrap();
    assert!(standings.nodes[&node(0)].active, "within the grace of the raise");
    town.chain.mine_after(400 * 24 * 3600).await.unwrap();
    town.settle().await;
    let standings = follower.refresh().await.unwrap();
    assert_eq!(standings.parameters.min_stake, ether("3"));
    assert!(!standings.nodes[&node(0)].active, "the grace has no event of its own");
}

#[tokio::test]
async fn the_pause_is_seen_and_its_end() {
    let town = Town::open().await;
    let (mut follower, _) = town.follower(LATER).await;
    let guardian = town.system.plan.guardian;
    let parameters = town.system.system.parameters;
    town.chain.call(guardian, parameters, &ParameterRegistry::pauseCall {}).await.unwrap();
    town.settle().await;
    assert!(follower.refresh().await.unwrap().parameters.paused);
    town.chain.call(guardian, parameters, &ParameterRegistry::unpauseCall {}).await.unwrap();
    town.settle().await;
    assert!(!follower.refresh().await.unwrap().parameters.paused);
}

#[tokio::test]
async fn an_audit_reads_everything_whatever_the_events_said() {
    let town = Town::open().await;
    town.register(0..4).await;
    town.settle().await;
    let (mut follower, calls) = town.follower(Duration::ZERO).await;
    follower.refresh().await.unwrap();
    calls.take();
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 2, "two pages");
}
