//! The governed configuration's way through the timelock.

use std::sync::Arc;

use alloy::primitives::{Address, Bytes};
use bridge_oracle::policy::Bundle;
use serde_json::Value;

use super::town::{Calls, LATER, Town};

async fn send(town: &Town, from: Address, file: &Value) {
    let transaction = &file["transactions"][0];
    let to: Address = transaction["to"].as_str().unwrap().parse().unwrap();
    let data: Bytes = transaction["data"].as_str().unwrap().parse().unwrap();
    town.chain.send(from, to, data).await.unwrap();
}

#[tokio::test]
async fn what_the_bundle_says_is_approved_after_the_delay_and_seen_once_settled() {
    let town = Town::open().await;
    let reader = town.reader(&[town.anvil.url()], Arc::new(Calls::default()));
    let bundle = Bundle::make(&town.governed, &reader, 0).await.unwrap();
    assert_eq!(bundle.timelock, town.system.system.timelock);
    assert!(bundle.delay >= 24 * 3600);
    let [(name, schedule), (_, execute), (_, cancel)] = &bundle.files;
    assert_eq!(name, "approveConfig.schedule");
    assert_eq!(schedule["chainId"], "31337");

    let plan = &town.system.plan;
    send(&town, plan.core, schedule).await;
    send(&town, plan.core, cancel).await;
    send(&town, plan.core, schedule).await;
    town.chain.mine_after(bundle.delay + 1).await.unwrap();
    send(&town, plan.executor, execute).await;
    let (mut follower, _) = town.follower(LATER).await;
    assert!(follower.refresh().await.unwrap().parameters.config_hash.is_zero());
    town.settle().await;
    assert_eq!(follower.refresh().await.unwrap().parameters.config_hash, town.governed.hash());
}
