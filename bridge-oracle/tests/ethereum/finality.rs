//! Finality and reorganisations.

use std::time::Duration;

use bridge_oracle::policy::Finality;
use bridge_oracle::standing::StandingError;
use serde_json::json;

use super::fixture::{EthereumFixture, LATER, node};

#[tokio::test]
async fn each_finality_waits_for_its_depth() {
    let mut fixture = EthereumFixture::open().await;
    fixture.register(0..1).await;
    // The registration is in the newest block: it is settled after this many more.
    for (finality, blocks) in [(Finality::Depth(0), 0), (Finality::Depth(3), 3), (Finality::Depth(5), 5)] {
        fixture.governed.ethereum.finality = finality;
        let (mut follower, _) = fixture.follower(LATER).await;
        let newest = fixture.chain.rpc("eth_blockNumber", json!([])).await.unwrap();
        let newest = u64::from_str_radix(newest.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let standings = follower.refresh().await.unwrap();
        assert_eq!(standings.block.number, newest - blocks);
        assert_eq!(standings.nodes.contains_key(&node(0)), blocks == 0);
    }
    for finality in [Finality::Safe, Finality::Finalized] {
        fixture.governed.ethereum.finality = finality;
        let (mut follower, _) = fixture.follower(LATER).await;
        assert!(follower.refresh().await.unwrap().nodes.is_empty(), "{finality}");
    }
    fixture.settle().await;
    for finality in [Finality::Safe, Finality::Finalized] {
        fixture.governed.ethereum.finality = finality;
        let (mut follower, _) = fixture.follower(LATER).await;
        assert_eq!(follower.refresh().await.unwrap().nodes.len(), 1, "{finality}");
    }
}

#[tokio::test]
async fn does_not_see_block_reorganised_within_depth() {
    let fixture = EthereumFixture::open().await.at_depth(3);
    let (mut follower, _) = fixture.follower(LATER).await;
    fixture.register(0..1).await;
    fixture.mine(1).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty());
    fixture.chain.rpc("anvil_reorg", json!([2, []])).await.unwrap();
    fixture.mine(10).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty(), "it was undone");
}

#[tokio::test]
async fn follows_reorganisation_beyond_depth() {
    let fixture = EthereumFixture::open().await.at_depth(1);
    let (mut follower, _) = fixture.follower(LATER).await;
    fixture.register(0..1).await;
    fixture.mine(2).await;
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), 1);
    fixture.chain.rpc("anvil_reorg", json!([3, []])).await.unwrap();
    fixture.mine(3).await;
    assert!(follower.refresh().await.unwrap().nodes.is_empty());
}

#[tokio::test]
async fn rejects_stale_settled_block() {
    let mut fixture = EthereumFixture::open().await;
    fixture.governed.ethereum.max_age = Duration::from_secs(1);
    fixture.settle().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (mut follower, _) = fixture.follower(LATER).await;
    let error = follower.refresh().await.unwrap_err();
    assert!(matches!(error, StandingError::Stale { .. }), "{error}");
    fixture.mine(3).await;
    follower.refresh().await.unwrap();
}
