//! Chain of one validator without a namespace, for tests of one program that halt, freeze or roll back the chain.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::DENOM;
use super::genesis::{denominate, fund, shorten_blocks};

const BACKEND: [&str; 2] = ["--keyring-backend", "test"];
const STAKE: &str = "100000000000udvpn";

/// A chain; dropping it stops the hub and removes its files.
#[derive(Debug)]
pub struct Solo {
    program: PathBuf,
    home: tempfile::TempDir,
    chain_id: String,
    ports: [u16; 3],
    process: Option<Child>,
}

impl Solo {
    /// Makes its home, where keys can be added; nothing runs yet. `SENTINELHUB_BIN` names another program.
    pub fn init(chain_id: &str) -> Result<Self> {
        let built = || crate::paths::stock_program("sentinelhub");
        let program = std::env::var_os("SENTINELHUB_BIN").map_or_else(built, PathBuf::from);
        ensure!(program.exists(), "{} is not built; SENTINELHUB_BIN names another", program.display());
        let (home, ports) = (tempfile::tempdir()?, free_ports()?);
        let chain = Self { program, home, chain_id: chain_id.to_owned(), ports, process: None };
        chain.run(&["init", "val", "--chain-id", chain_id, "--default-denom", DENOM])?;
        Ok(chain)
    }

    /// Adds a key to its keyring; the account.
    pub fn add_key(&self, name: &str) -> Result<String> {
        self.run(&[&["keys", "add", name], BACKEND.as_slice()].concat())?;
        let address = self.run(&[&["keys", "show", name, "-a"], BACKEND.as_slice()].concat())?;
        Ok(address.trim().to_owned())
    }

    /// Gives these accounts coins, lets `edit` change the parameters of the hub's own modules, and starts.
    pub fn begin(&mut self, accounts: &[String], edit: impl FnOnce(&mut Value)) -> Result<()> {
        let validator = self.add_key("val")?;
        let path = self.home().join("config/genesis.json");
        let mut genesis: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let state = &mut genesis["app_state"];
        for address in accounts.iter().chain([&validator]) {
            fund(state, address)?;
        }
        denominate(&mut state["vpn"]);
        edit(&mut state["vpn"]);
        std::fs::write(&path, serde_json::to_vec(&genesis)?)?;
        let chain = ["--chain-id", &self.chain_id.clone()];
        self.run(&[&["genesis", "gentx", "val", STAKE], chain.as_slice(), BACKEND.as_slice()].concat())?;
        self.run(&["genesis", "collect-gentxs"])?;
        shorten_blocks(self.home())?;
        self.resume()
    }

    /// Where its gRPC is.
    pub fn grpc_addr(&self) -> String {
        format!("127.0.0.1:{}", self.ports[2])
    }

    /// Where its RPC is, for the command.
    pub fn rpc(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.ports[0])
    }

    /// Runs the hub on the chain as it is.
    pub fn resume(&mut self) -> Result<()> {
        let log = std::fs::File::create(self.home().join("log"))?;
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.program)
            .args(["start", "--skip-overwrite-config", "--rpc.pprof_laddr", "", "--p2p.pex=false"])
            .arg("--home")
            .arg(self.home())
            .arg(format!("--minimum-gas-prices=0.1{DENOM}"))
            .args(["--rpc.laddr", &self.rpc()])
            .args(["--p2p.laddr", &format!("tcp://127.0.0.1:{}", self.ports[1])])
            .args(["--grpc.address", &self.grpc_addr(), "--grpc-web.enable=false"])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the hub; the chain stays on disk.
    pub fn halt(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Suspends the hub: it gives no answer and makes no blocks until [`thaw`](Self::thaw).
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Resumes the suspended hub.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.process.as_ref().context("the hub does not run")?.id();
        Ok(kill(Pid::from_raw(i32::try_from(id)?), signal)?)
    }

    /// Where the halted chain's state is.
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The hub's own command, as it ended.
    pub fn command(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        Ok(command.args(args).arg("--home").arg(self.home()).stdin(Stdio::null()).output()?)
    }

    /// Output of a command of the hub, which must succeed.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.command(args)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{args:?}: {err}");
        Ok(if out.trim().is_empty() { err.into_owned() } else { out.into_owned() })
    }
}

impl Drop for Solo {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Ports that are free now: another chain may run on this machine.
fn free_ports() -> Result<[u16; 3]> {
    let mut ports = [0; 3];
    // All are held until all are known, so that they differ.
    let held = ports.map(|_: u16| TcpListener::bind("127.0.0.1:0"));
    for (port, listener) in ports.iter_mut().zip(held) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}
