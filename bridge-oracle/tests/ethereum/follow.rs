//! The follower sees every change, at the expected number of calls.

use std::time::Duration;

use alloy::primitives::{FixedBytes, keccak256};
use sovereign_contracts::dev::ether;
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::fixture::{EthereumFixture, LATER, key, node, operator};

#[tokio::test]
async fn reads_registry_by_page_at_one_settled_block() {
    let fixture = EthereumFixture::open().await;
    fixture.register(0..7).await;
    let (mut follower, calls) = fixture.follower(LATER).await;
    let before = follower.refresh().await.unwrap().nodes.len();
    assert!(before < 7, "the last two are not settled yet");
    fixture.settle().await;
    let (mut follower, calls_of_all) = fixture.follower(LATER).await;
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
async fn refresh_costs_two_calls_and_a_third_for_changes() {
    let fixture = EthereumFixture::open().await;
    fixture.register(0..4).await;
    fixture.settle().await;
    let (mut follower, calls) = fixture.follower(LATER).await;
    follower.refresh().await.unwrap();
    calls.take();
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 1, "the same block");
    fixture.mine(5).await;
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 2, "new blocks, nothing in them");

    fixture.score(2, 640).await;
    assert_eq!(follower.refresh().await.unwrap().nodes[&node(2)].score, 0, "not settled yet");
    fixture.settle().await;
    calls.take();
    let standings = follower.refresh().await.unwrap();
    assert_eq!((calls.take(), standings.nodes[&node(2)].score), (3, 640));
}

#[tokio::test]
async fn sees_every_kind_of_change_without_audit() {
    let fixture = EthereumFixture::open().await;
    fixture.register(0..4).await;
    fixture.settle().await;
    let (mut follower, _) = fixture.follower(LATER).await;
    follower.refresh().await.unwrap();

    let (chain, system) = (&fixture.chain, fixture.system.system);
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
    chain.call(fixture.system.plan.guardian, system.parameters, &call).await.unwrap();
    fixture.register(4..5).await;
    fixture.settle().await;

    let standings = follower.refresh().await.unwrap();
    assert!(!standings.nodes[&node(0)].active, "leaving");
    assert!(standings.nodes[&node(1)].blacklisted, "for good");
    assert!(!standings.nodes[&node(2)].active, "slashed below the least stake");
    assert_eq!(standings.nodes[&node(2)].stake, ether("0.2"));
    assert!(standings.nodes[&node(3)].blacklisted, "in an emergency");
    assert!(standings.nodes[&node(4)].active);
}

#[tokio::test]
async fn changed_global_parameters_reread_registry() {
    let fixture = EthereumFixture::open().await;
    fixture.register(0..1).await;
    fixture.settle().await;
    let (mut follower, _) = fixture.follower(LATER).await;
    follower.refresh().await.unwrap();
    fixture.set_min_stake(ether("3")).await;
    fixture.settle().await;
    let standings = follower.refresh().await.unwrap();
    assert!(standings.nodes[&node(0)].active, "within the grace of the raise");
    fixture.chain.mine_after(400 * 24 * 3600).await.unwrap();
    fixture.settle().await;
    let standings = follower.refresh().await.unwrap();
    assert_eq!(standings.parameters.min_stake, ether("3"));
    assert!(!standings.nodes[&node(0)].active, "the grace has no event of its own");
}

#[tokio::test]
async fn sees_pause_and_its_end() {
    let fixture = EthereumFixture::open().await;
    let (mut follower, _) = fixture.follower(LATER).await;
    let guardian = fixture.system.plan.guardian;
    let parameters = fixture.system.system.parameters;
    fixture.chain.call(guardian, parameters, &ParameterRegistry::pauseCall {}).await.unwrap();
    fixture.settle().await;
    assert!(follower.refresh().await.unwrap().parameters.paused);
    fixture.chain.call(guardian, parameters, &ParameterRegistry::unpauseCall {}).await.unwrap();
    fixture.settle().await;
    assert!(!follower.refresh().await.unwrap().parameters.paused);
}

#[tokio::test]
async fn audit_reads_whole_registry() {
    let fixture = EthereumFixture::open().await;
    fixture.register(0..4).await;
    fixture.settle().await;
    let (mut follower, calls) = fixture.follower(Duration::ZERO).await;
    follower.refresh().await.unwrap();
    calls.take();
    follower.refresh().await.unwrap();
    assert_eq!(calls.take(), 2, "two pages");
}
