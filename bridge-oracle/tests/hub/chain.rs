//! The real hub, with the oracle's accounts.

use sentinel_proto::address::AccountAddress;
pub(crate) use sentinel_stack::{DENOM, Solo as Chain};

pub(crate) const CHAIN: &str = "oracle-test-1";

/// Starts a chain where these accounts have coins. `node_timeout`: time that a node stays active without an update.
pub(crate) fn start(accounts: &[AccountAddress], node_timeout: &str) -> Chain {
    let accounts: Vec<_> = accounts.iter().map(ToString::to_string).collect();
    let mut chain = Chain::init(CHAIN).unwrap();
    let edit = |vpn: &mut serde_json::Value| {
        vpn["node"]["params"]["status_timeout"] = node_timeout.into();
        vpn["session"]["params"]["status_timeout"] = "8s".into();
    };
    chain.begin(&accounts, edit).unwrap();
    chain
}
