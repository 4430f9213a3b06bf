//! A chain of one validator, run by the real hub program.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sentinel_proto::address::{AccountAddress, NodeAddress};
use serde_json::Value;

pub(crate) const CHAIN: &str = "client-test-1";
const PRICES: [&str; 4] = ["--gigabyte-prices", "udvpn:0,1000000", "--hourly-prices", "udvpn:0,1000000"];

/// A running chain; ends when dropped.
pub(crate) struct Chain {
    program: PathBuf,
    home: tempfile::TempDir,
    rpc: u16,
    p2p: u16,
    grpc: u16,
    process: Option<Child>,
}

impl Chain {
    /// Starts a chain where these keys have coins.
    pub(crate) fn start(keys: &[&str]) -> Self {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/stock/sentinelhub");
        let program = env::var_os("SENTINELHUB_BIN").map_or(default, PathBuf::from);
        assert!(program.exists(), "{} is not built; SENTINELHUB_BIN names another", program.display());
        let [rpc, p2p, grpc] = free_ports();
        let home = tempfile::tempdir().unwrap();
        let mut chain = Self { program, home, rpc, p2p, grpc, process: None };
        chain.run(&["init", "val", "--chain-id", CHAIN]);
        chain.edit_genesis();
        for key in [&["val"], keys].concat() {
            chain.run(&["keys", "add", key, "--keyring-backend", "test"]);
            let coins = "1000000000000udvpn";
            chain.run(&["genesis", "add-genesis-account", key, coins, "--keyring-backend", "test"]);
        }
        let stake = "100000000000udvpn";
        chain.run(&["genesis", "gentx", "val", stake, "--chain-id", CHAIN, "--keyring-backend", "test"]);
        chain.run(&["genesis", "collect-gentxs"]);
        chain.replace("config/config.toml", "timeout_commit = ", "timeout_commit = \"500ms\"");
        chain.replace("config/app.toml", "minimum-gas-prices = ", "minimum-gas-prices = \"0.1udvpn\"");
        chain.resume();
        chain
    }

    pub(crate) fn grpc_addr(&self) -> String {
        format!("127.0.0.1:{}", self.grpc)
    }

    /// Runs the hub on the chain as it is.
    pub(crate) fn resume(&mut self) {
        let log = fs::File::create(self.home.path().join("log")).unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.program)
            .args(["start", "--skip-overwrite-config", "--rpc.pprof_laddr", "", "--p2p.pex=false"])
            .arg("--home")
            .arg(self.home.path())
            .args(["--rpc.laddr", &format!("tcp://127.0.0.1:{}", self.rpc)])
            .args(["--p2p.laddr", &format!("tcp://127.0.0.1:{}", self.p2p)])
            .args(["--grpc.address", &self.grpc_addr(), "--grpc-web.enable=false"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Ends the hub; the chain stays on disk.
    pub(crate) fn halt(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The account of a key.
    pub(crate) fn address(&self, key: &str) -> AccountAddress {
        let text = self.run(&["keys", "show", key, "-a", "--keyring-backend", "test"]);
        text.trim().parse().unwrap()
    }

    /// Sends a transaction and waits for its block; the value of one attribute of one event.
    fn send(&self, from: &str, transaction: &[&str], wanted: Option<(&str, &str)>) -> u64 {
        let node = format!("tcp://127.0.0.1:{}", self.rpc);
        let common = ["--from", from, "--keyring-backend", "test", "--chain-id", CHAIN, "--node", &node];
        let price = ["--gas", "500000", "--gas-prices", "0.1udvpn", "-y", "-o", "json"];
        let args = [&["tx", "vpn"], transaction, &common, &price].concat();
        let sent: Value = serde_json::from_str(&self.run(&args)).unwrap();
        assert_eq!(sent["code"], 0, "{sent}");
        let hash = sent["txhash"].as_str().unwrap();
        let start = Instant::now();
        let done: Value = loop {
            let output = self.command(&["query", "tx", hash, "--node", &node, "-o", "json"]);
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

    fn command(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--home").arg(self.home.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn edit_genesis(&self) {
        let path = self.home.path().join("config/genesis.json");
        let text = fs::read_to_string(&path).unwrap().replace("\"stake\"", "\"udvpn\"");
        let mut genesis: Value = serde_json::from_str(&text).unwrap();
        let vpn = &mut genesis["app_state"]["vpn"];
        vpn["node"]["params"]["status_timeout"] = "86400s".into();
        vpn["subscription"]["params"]["status_timeout"] = "86400s".into();
        // Short, so that a cancelled session leaves the chain while we look.
        vpn["session"]["params"]["status_timeout"] = "8s".into();
        fs::write(&path, serde_json::to_vec(&genesis).unwrap()).unwrap();
    }

    fn replace(&self, file: &str, start: &str, line: &str) {
        let path = self.home.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(|old| if old.starts_with(start) { line } else { old }).collect();
        assert!(lines.contains(&line), "{file} has no {start}");
        fs::write(&path, lines.join("\n")).unwrap();
    }
}

/// Ports that nobody had a moment ago: another chain may be running on this machine.
fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are known, so that they differ.
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    std::array::from_fn(|at| held[at].local_addr().unwrap().port())
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.halt();
    }
}
