//! Which block counts, and what a reorganisation does.

use std::time::Duration;

use bridge_oracle::policy::Finality;
use bridge_oracle::standing::StandingError;
use serde_json::json;

use super::town::{LATER, Town, node};

#[tokio::test]
async fn each_kind_of_finality_waits_as_long_as_it_says() {
    let mut town = Town::open().await;
    town.register(0..1).await;
    // The registration is in the newest block: so many more until it is settled.
    for (finality, blocks) in [(Finality::Depth(0), 0), (Finality::Depth(3), 3), (Finality::Depth(5), 5)] {
        town.governed.ethereum.finality = finality;
        let (mut follower, _) = town.follower(LATER).await;
        let newest = town.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
        let newest = u64::from_str_radix(newest.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let standings = follower.refresh().await.unwrap();
        assert_eq!(standings.block.number, newest - blocks);
        assert_eq!(standings.nodes.contains_key(&node(0)), blocks == 0);
    }
    for finality in [Finality::Safe, Finality::Finalized] {
        town.governed.ethereum.finality = finality;
        let (mut follower, _) = town.follower(LATER).await;
        assert!(follower.refresh().await.unwrap().nodes.is_empty(), "{finality}");
    }
    town.settle().await;
    for finality in [Finality::Safe, Finality::Finalized] {
        town.governed.ethereum.finality = finality;
        let (mut follower, _) = town.follower(LATER).await;
        assert_eq!(follower.refresh().await.unwrap().nodes.len(), 1, "{finality}");
    }
}

#[tokio::test]
async fn what_a_reorganisation_undoes_below_the_depth_was_never_there() {
    let town = Town::open().await.at_depth(3);
    let (mut follower, _) = town.follower(LATER).await;
    town.register(0..1).await;
    town.mine(1).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty());
    town.chain.rpc("anvil_reorg", json!([2, []])).await.unwrap();
    town.mine(10).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty(), "it was undone");
}

#[tokio::test]
async fn a_reorganisation_beyond_the_depth_is_followed() {
    let town = Town::open().await.at_depth(1);
    let (mut follower, _) = town.follower(LATER).await;
    town.register(0..1).await;
    town.mine(2).await;
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), 1);
    town.chain.rpc("anvil_reorg", json!([3, []])).await.unwrap();
    town.mine(3).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty());
}

#[tokio::test]
async fn a_chain_that_does_not_settle_is_not_acted_on() {
    let mut town = Town::open().await;
    town.governed.ethereum.max_age = Duration::from_secs(1);
    town.settle().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (mut follower, _) = town.follower(LATER).await;
    let error = follower.refresh().await.unwrap_err();
    assert!(matches!(error, StandingError::Stale { .. }), "{error}");
    town.mine(3).await;
    follower.refresh().await.unwrap();
}
