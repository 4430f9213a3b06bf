//! The way of a configuration: bundle, schedule, the timelock's delay, execution, start; and the end of the one before.

use std::process::Stdio;
use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use serde_json::Value;

use crate::commands::oracle;
use crate::world::World;

/// Sends what a file of the bundle says, as the multisig would; whether the chain took it.
async fn send(world: &World, step: &str, from: Address) -> bool {
    let path = world.home.path().join(format!("approveConfig.{step}.json"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let transaction = &file["transactions"][0];
    let to: Address = transaction["to"].as_str().unwrap().parse().unwrap();
    let data: Bytes = transaction["data"].as_str().unwrap().parse().unwrap();
    world.ethereum.chain.send(from, to, data).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_executed_after_its_delay_and_the_one_before_stops_after_its_grace() {
    let mut world = World::open(1).await;
    let plan = world.ethereum.system.plan.clone();
    world.write_home();
    let home = world.home.path().to_owned();
    let mut running = start(&home);
    world.register(0).await;
    world.ethereum.settle().await;
    crate::town::until("the first link", async || world.is_linked(0).await.then_some(())).await;

    // Another budget: approved by nobody yet. It is written beside the file that runs.
    world.ethereum.governed.lease.max_per_day += 1;
    let new = toml::to_string(&world.ethereum.governed).unwrap();
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

    assert!(!send(&world, "execute", plan.executor).await, "before it is scheduled");
    assert!(!send(&world, "schedule", plan.executor).await, "the executor does not propose");
    assert!(send(&world, "schedule", plan.core).await);
    assert!(!send(&world, "execute", plan.executor).await, "before its time");
    let refused = oracle(there, &["start", "--once"]).await;
    assert_eq!(refused.code, 78, "{}", refused.err);
    assert!(!ended(&mut running), "the approved one runs on");

    world.ethereum.chain.mine_after(delay).await.unwrap();
    assert!(send(&world, "execute", plan.executor).await);
    world.ethereum.settle().await;
    // The one that runs is not approved any more: it says so, and ends after its grace.
    let output = tokio::time::timeout(Duration::from_secs(60), running.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    let loud = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|line| {
        line["level"] == "ERROR"
            && line["message"].as_str().is_some_and(|text| text.starts_with("stopping: "))
    });
    assert!(loud && told.contains(&world.ethereum.governed.hash().to_string()), "{told}");

    std::fs::write(home.join("governed.toml"), &new).unwrap();
    let started = oracle(&home, &["start", "--once"]).await;
    assert_eq!(started.code, 0, "{}", started.err);

    // A file that changes under a running one ends it as well, after the same grace.
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
