//! A chain of one validator, run by the real hub program, whose accounts' keys are known here.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sentinel_proto::address::AccountAddress;
use serde_json::{Value, json};

pub(crate) const CHAIN: &str = "oracle-test-1";
pub(crate) const DENOM: &str = "udvpn";
/// What every account starts with.
pub(crate) const FUNDS: u128 = 1_000_000_000_000_000;

/// A running chain; ends when dropped.
pub(crate) struct Chain {
    program: PathBuf,
    home: tempfile::TempDir,
    ports: [u16; 3],
    process: Option<Child>,
}

impl Chain {
    /// Starts a chain where these accounts have coins. `node_timeout`: how long a node stays active unasked.
    pub(crate) fn start(accounts: &[AccountAddress], node_timeout: &str) -> Self {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/stock/sentinelhub");
        let program = std::env::var_os("SENTINELHUB_BIN").map_or(default, PathBuf::from);
        assert!(program.exists(), "{} is not built; SENTINELHUB_BIN names another", program.display());
        let home = tempfile::tempdir().unwrap();
        let mut chain = Self { program, home, ports: free_ports(), process: None };
        chain.run(&["init", "val", "--chain-id", CHAIN, "--default-denom", DENOM]);
        let keys = chain.run(&["keys", "add", "val", "--keyring-backend", "test", "--output", "json"]);
        let validator: Value = serde_json::from_str(&keys).unwrap();
        let validator = validator["address"].as_str().unwrap().to_owned();
        let all = accounts.iter().map(ToString::to_string).chain([validator]);
        chain.write_genesis(all, node_timeout);
        let stake = format!("100000000000{DENOM}");
        chain.run(&["genesis", "gentx", "val", &stake, "--chain-id", CHAIN, "--keyring-backend", "test"]);
        chain.run(&["genesis", "collect-gentxs"]);
        chain.replace("config/config.toml", "timeout_commit = ", "timeout_commit = \"500ms\"");
        chain.resume();
        chain
    }

    pub(crate) fn grpc_addr(&self) -> String {
        format!("127.0.0.1:{}", self.ports[2])
    }

    /// Where its RPC is, for the command.
    pub(crate) fn rpc(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.ports[0])
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
            .arg(format!("--minimum-gas-prices=0.1{DENOM}"))
            .args(["--rpc.laddr", &self.rpc()])
            .args(["--p2p.laddr", &format!("tcp://127.0.0.1:{}", self.ports[1])])
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

    /// Sets the halted chain back to what was saved, or saves it.
    pub(crate) fn data(&self) -> (PathBuf, PathBuf) {
        (self.home.path().join("data"), self.home.path().join("saved"))
    }

    /// Runs the hub's own command.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--home").arg(self.home.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {err}");
        if out.trim().is_empty() { err.into_owned() } else { out.into_owned() }
    }

    fn write_genesis(&self, accounts: impl Iterator<Item = String>, node_timeout: &str) {
        let path = self.home.path().join("config/genesis.json");
        let mut genesis: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let state = &mut genesis["app_state"];
        for address in accounts {
            let account = json!({ "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": address,
                "pub_key": null, "account_number": "0", "sequence": "0" });
            let coins = json!([{ "denom": DENOM, "amount": FUNDS.to_string() }]);
            state["auth"]["accounts"].as_array_mut().unwrap().push(account);
            state["bank"]["balances"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "address": address, "coins": coins }));
        }
        let vpn = &mut state["vpn"];
        vpn["node"]["params"]["status_timeout"] = node_timeout.into();
        vpn["session"]["params"]["status_timeout"] = "8s".into();
        for module in ["node", "provider"] {
            vpn[module]["params"]["deposit"]["denom"] = DENOM.into();
        }
        for prices in ["min_gigabyte_prices", "min_hourly_prices"] {
            vpn["node"]["params"][prices][0]["denom"] = DENOM.into();
        }
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
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.halt();
    }
}
