//! Approval of the governed configuration through the timelock.

use std::sync::Arc;

use alloy::primitives::{Address, Bytes};
use bridge_oracle::policy::Bundle;
use serde_json::Value;

use super::fixture::{Calls, EthereumFixture, LATER};

async fn send(fixture: &EthereumFixture, from: Address, file: &Value) {
    let transaction = &file["transactions"][0];
    let to: Address = transaction["to"].as_str().unwrap().parse().unwrap();
    let data: Bytes = transaction["data"].as_str().unwrap().parse().unwrap();
    fixture.chain.send(from, to, data).await.unwrap();
}

#[tokio::test]
async fn bundle_is_approved_after_delay_and_visible_once_settled() {
    let fixture = EthereumFixture::open().await;
    let reader = fixture.reader(&[fixture.anvil.url()], Arc::new(Calls::default()));
    let bundle = Bundle::make(&fixture.governed, &reader, 0).await.unwrap();
    assert_eq!(bundle.timelock, fixture.system.system.timelock);
    assert!(bundle.delay >= 24 * 3600);
    let [(name, schedule), (_, execute), (_, cancel)] = &bundle.files;
    assert_eq!(name, "approveConfig.schedule");
    assert_eq!(schedule["chainId"], "31337");

    let plan = &fixture.system.plan;
    send(&fixture, plan.core, schedule).await;
    send(&fixture, plan.core, cancel).await;
    send(&fixture, plan.core, schedule).await;
    fixture.chain.mine_after(bundle.delay + 1).await.unwrap();
    send(&fixture, plan.executor, execute).await;
    let (mut follower, _) = fixture.follower(LATER).await;
    assert!(follower.refresh().await.unwrap().parameters.config_hash.is_zero());
    fixture.settle().await;
    assert_eq!(follower.refresh().await.unwrap().parameters.config_hash, fixture.governed.hash());
}
