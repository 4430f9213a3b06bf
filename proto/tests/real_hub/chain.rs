//! The real hub, told by its own command what to do.

use std::time::{Duration, Instant};

use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_stack::Solo;
use serde_json::Value;

pub(crate) const CHAIN: &str = "client-test-1";
const PRICES: [&str; 4] = ["--gigabyte-prices", "udvpn:0,1000000", "--hourly-prices", "udvpn:0,1000000"];

/// A running chain; ends when dropped.
pub(crate) struct Chain(Solo);

impl Chain {
    /// Starts a chain where these keys have coins.
    pub(crate) fn start(keys: &[&str]) -> Self {
        let mut chain = Solo::init(CHAIN).unwrap();
        let accounts: Vec<_> = keys.iter().map(|key| chain.add_key(key).unwrap()).collect();
        let edit = |vpn: &mut Value| {
            vpn["node"]["params"]["status_timeout"] = "86400s".into();
            vpn["subscription"]["params"]["status_timeout"] = "86400s".into();
            // Short, so that a cancelled session leaves the chain while we look.
            vpn["session"]["params"]["status_timeout"] = "8s".into();
        };
        chain.begin(&accounts, edit).unwrap();
        Self(chain)
    }

    pub(crate) fn grpc_addr(&self) -> String {
        self.0.grpc_addr()
    }

    /// Runs the hub on the chain as it is.
    pub(crate) fn resume(&mut self) {
        self.0.resume().unwrap();
    }

    /// Ends the hub; the chain stays on disk.
    pub(crate) fn halt(&mut self) {
        self.0.halt();
    }

    /// The account of a key.
    pub(crate) fn address(&self, key: &str) -> AccountAddress {
        let text = self.run(&["keys", "show", key, "-a", "--keyring-backend", "test"]);
        text.trim().parse().unwrap()
    }

    /// Sends a transaction and waits for its block; the value of one attribute of one event.
    fn send(&self, from: &str, transaction: &[&str], wanted: Option<(&str, &str)>) -> u64 {
        let node = self.0.rpc();
        let common = ["--from", from, "--keyring-backend", "test", "--chain-id", CHAIN, "--node", &node];
        let price = ["--gas", "500000", "--gas-prices", "0.1udvpn", "-y", "-o", "json"];
        let args = [&["tx", "vpn"], transaction, &common, &price].concat();
        let sent: Value = serde_json::from_str(&self.run(&args)).unwrap();
        assert_eq!(sent["code"], 0, "{sent}");
        let hash = sent["txhash"].as_str().unwrap();
        let start = Instant::now();
        let done: Value = loop {
            let output = self.0.command(&["query", "tx", hash, "--node", &node, "-o", "json"]).unwrap();
            if output.status.success() {
                break serde_json::from_slice(&output.stdout).unwrap();
            }
            assert!(start.elapsed() < Duration::from_secs(15), "{transaction:?} is in no block");
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_eq!(done["code"], 0, "{done}");
        let Some((event, attribute)) = wanted else { return 0 };
        let events = done["events"].as_array().unwrap();
        let event = events.iter().find(|found| found["type"] == event).unwrap();
        let attributes = event["attributes"].as_array().unwrap();
        let found = attributes.iter().find(|found| found["key"] == attribute).unwrap();
        found["value"].as_str().unwrap().trim_matches('"').parse().unwrap()
    }

    /// A node with a lease, linked to a plan; a subscription of alice; the numbers of plan and subscription.
    pub(crate) fn prepare(&self, node: &NodeAddress) -> (u64, u64) {
        let node = node.to_string();
        self.send("node", &[&["node", "register-node", "127.0.0.1:1"], &PRICES[..]].concat(), None);
        self.send("node", &["node", "update-node-status", "active"], None);
        self.send("provider", &["provider", "register-provider", "name"], None);
        self.send("provider", &["provider", "update-provider-status", "active"], None);
        let plan = ["plan", "create-plan", "1000000000000", "720h", "--prices", "udvpn:0,0"];
        let plan_id = self.send("provider", &plan, Some(("sentinel.plan.v3.EventCreate", "plan_id")));
        let plan = plan_id.to_string();
        self.send("provider", &["plan", "update-plan-status", &plan, "active"], None);
        let lease = ["lease", "start-lease", &node, "1", "--max-price", "udvpn:0,1000000"];
        self.send("provider", &lease, None);
        self.send("provider", &["plan", "link-node", &plan, &node], None);
        let subscribe = ["subscription", "start-subscription", &plan, "--denom", "udvpn"];
        let created = ("sentinel.subscription.v3.EventCreate", "subscription_id");
        (plan_id, self.send("alice", &subscribe, Some(created)))
    }

    pub(crate) fn session_by_plan(&self, key: &str, subscription: u64, node: &NodeAddress) -> u64 {
        let (subscription, node) = (subscription.to_string(), node.to_string());
        let start = ["subscription", "start-session", &subscription, &node];
        self.send(key, &start, Some(("sentinel.subscription.v3.EventCreateSession", "session_id")))
    }

    pub(crate) fn direct_session(&self, key: &str, node: &NodeAddress) -> u64 {
        let node = node.to_string();
        let start = ["node", "start-session", &node, "--gigabytes", "1", "--max-price", "udvpn:0,1000000"];
        self.send(key, &start, Some(("sentinel.node.v3.EventCreateSession", "session_id")))
    }

    pub(crate) fn cancel(&self, key: &str, session: u64) {
        self.send(key, &["session", "cancel-session", &session.to_string()], None);
    }

    fn run(&self, args: &[&str]) -> String {
        self.0.run(args).unwrap()
    }
}
