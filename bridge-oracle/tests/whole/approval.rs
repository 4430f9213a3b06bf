//! Replacement of a configuration: bundle, schedule, delay, execution and start, and the stop of the previous one.

use std::process::Stdio;
use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use serde_json::Value;

use crate::commands::oracle;
use crate::fixture::BridgeFixture;

/// Sends a transaction of the bundle as the multisig would; returns whether the chain accepted it.
async fn send(fixture: &BridgeFixture, step: &str, from: Address) -> bool {
    let path = fixture.home.path().join(format!("approveConfig.{step}.json"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let transaction = &file["transactions"][0];
    let to: Address = transaction["to"].as_str().unwrap().parse().unwrap();
    let data: Bytes = transaction["data"].as_str().unwrap().parse().unwrap();
    fixture.ethereum.chain.send(from, to, data).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_bundle_replaces_configuration_after_delay_and_grace() {
    let mut fixture = BridgeFixture::open(1).await;
    let plan = fixture.ethereum.system.plan.clone();
    fixture.write_home();
    let home = fixture.home.path().to_owned();
    let mut running = start(&home);
    fixture.register(0).await;
    fixture.ethereum.settle().await;
    crate::hub_fixture::until("the first link", async || fixture.is_linked(0).await.then_some(())).await;

    // A configuration with another budget, not approved yet, in a second home.
    fixture.ethereum.governed.lease.max_per_day += 1;
    let new = toml::to_string(&fixture.ethereum.governed).unwrap();
    let other = tempfile::tempdir().unwrap();
    for name in ["config.toml", "oracle.key"] {
        std::fs::copy(home.join(name), other.path().join(name)).unwrap();
    }
    std::fs::write(other.path().join("governed.toml"), &new).unwrap();
    let (out, there) = (home.to_str().unwrap(), other.path());
    let bundle = oracle(there, &["config", "bundle", "--out", out, "--json"]).await;
    assert_eq!(bundle.code, 0, "{}", bundle.err);
    let bundle: Value = serde_json::from_str(&bundle.out).unwrap();
    let delay = bundle["delay_seconds"].as_u64().unwrap();
    assert!(delay > 0, "{bundle}");

    assert!(!send(&fixture, "execute", plan.executor).await, "before it is scheduled");
    assert!(!send(&fixture, "schedule", plan.executor).await, "the executor does not propose");
    assert!(send(&fixture, "schedule", plan.core).await);
    assert!(!send(&fixture, "execute", plan.executor).await, "before its time");
    let refused = oracle(there, &["start", "--once"]).await;
    assert_eq!(refused.code, 78, "{}", refused.err);
    assert!(!ended(&mut running), "the approved one runs on");

    fixture.ethereum.chain.mine_after(delay).await.unwrap();
    assert!(send(&fixture, "execute", plan.executor).await);
    fixture.ethereum.settle().await;
    // The running oracle is not approved any more: it logs that, and stops after its grace period.
    let output = tokio::time::timeout(Duration::from_secs(60), running.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    let loud = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|line| {
        line["level"] == "ERROR"
            && line["message"].as_str().is_some_and(|text| text.starts_with("stopping: "))
    });
    assert!(loud && told.contains(&fixture.ethereum.governed.hash().to_string()), "{told}");

    std::fs::write(home.join("governed.toml"), &new).unwrap();
    let started = oracle(&home, &["start", "--once"]).await;
    assert_eq!(started.code, 0, "{}", started.err);

    // A changed file under a running oracle stops it after the same grace period.
    let mut running = start(&home);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!ended(&mut running));
    std::fs::write(home.join("governed.toml"), new.replace("max_actions = ", "max_actions = 1")).unwrap();
    let output = tokio::time::timeout(Duration::from_secs(60), running.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("governed.toml has changed") && told.contains("stops_in_seconds"), "{told}");
}

fn ended(child: &mut tokio::process::Child) -> bool {
    child.try_wait().unwrap().is_some()
}

fn start(home: &std::path::Path) -> tokio::process::Child {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_bridge-oracle"))
        .arg("--home")
        .arg(home)
        .arg("start")
        .env("BRIDGE_ORACLE__ORACLE__INTERVAL", "300ms")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
