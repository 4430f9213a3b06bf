//! `bridge-oracle grants` and `doctor`, run as an operator does.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use bridge_oracle::messages::MESSAGE_TYPES;
use bridge_oracle::policy::{Governed, TEMPLATE};
use serde_json::Value;

use crate::chain::CHAIN;
use crate::fixture::{HOURS, HubFixture, PLAN, secret};

#[tokio::test(flavor = "multi_thread")]
async fn doctor_reports_missing_grant_and_grants_writes_transaction() {
    let fixture = HubFixture::start(1, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    prepare(&fixture, home.path());
    let well = run(home.path(), &["doctor", "--json"]);
    assert!(well.status.success(), "{well:?}");
    let checks: Value = serde_json::from_slice(&well.stdout).unwrap();
    assert!(checks.as_array().unwrap().len() > 2 * MESSAGE_TYPES.len(), "{checks}");

    fixture.revoke(MESSAGE_TYPES[4]).await;
    let ill = run(home.path(), &["doctor"]);
    assert_eq!(ill.status.code(), Some(1), "{ill:?}");
    let told = String::from_utf8(ill.stdout).unwrap();
    let line = told.lines().find(|line| line.contains(&format!("can {}", MESSAGE_TYPES[4]))).unwrap();
    assert!(line.starts_with("BAD"), "{line}");

    let file = home.path().join("unsigned.json");
    let grants = run(home.path(), &["grants", "--fee-limit", "77", "--out", file.to_str().unwrap()]);
    assert!(grants.status.success(), "{grants:?}");
    let told = String::from_utf8(grants.stdout).unwrap();
    assert!(MESSAGE_TYPES.iter().all(|name| told.contains(name)) && told.contains("77udvpn"), "{told}");
    assert!(told.contains("multi-sign"), "{told}");
    let unsigned: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    // One grant per type, the revocation of the old fee grant, and the new fee grant.
    assert_eq!(unsigned["body"]["messages"].as_array().unwrap().len(), MESSAGE_TYPES.len() + 2);
    let revoke = run(home.path(), &["grants", "--revoke", "--json"]);
    let revoke: Value = serde_json::from_slice(&revoke.stdout).unwrap();
    assert_eq!(revoke["body"]["messages"].as_array().unwrap().len(), MESSAGE_TYPES.len());

    // A key file that other users can read is rejected.
    let key = home.path().join("oracle.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(!run(home.path(), &["doctor"]).status.success());
}

fn prepare(fixture: &HubFixture, home: &Path) {
    let mut governed: Governed = toml::from_str(TEMPLATE).unwrap();
    governed.ethereum.node_registry = [1; 20].into();
    governed.ethereum.parameter_registry = [2; 20].into();
    CHAIN.clone_into(&mut governed.hub.chain_id);
    governed.hub.provider = fixture.provider_address();
    governed.hub.plans = vec![PLAN];
    governed.hub.members = vec![fixture.oracle.account()];
    governed.lease.hours = HOURS;
    std::fs::write(home.join("governed.toml"), toml::to_string(&governed).unwrap()).unwrap();
    let config = format!(
        "[ethereum]\nrpc_addrs = [\"http://127.0.0.1:1\"]\n[hub]\ngrpc_addrs = [\"{}\"]\n",
        fixture.chain.grpc_addr()
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    let key = home.join("oracle.key");
    std::fs::write(&key, secret(1)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bridge-oracle")).arg("--home").arg(home).args(args).output().unwrap()
}
