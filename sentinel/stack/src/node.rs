//! Nodes: the reference node, or the real one that `SENTINEL_DVPNX_BIN` names.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::hub::{CHAIN_ID, DENOM, LocalHub, PRICE};
use crate::info::NodeInfo;
use crate::net::{Namespace, Ports};
use crate::process::{Probe, Spec, Supervisor};

/// Tunnel interface of every stock node.
pub(crate) const INTERFACE: &str = "wg0";
const KEY: &str = "node";

/// One node in its namespace.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name for the controls: `node1`.
    pub name: String,
    /// `sentnode1…`
    pub address: String,
    /// The account of the same key.
    pub account: String,
    /// Its home.
    pub home: PathBuf,
    /// Its network namespace.
    pub namespace: Namespace,
    /// The port it listens on.
    pub api_port: u16,
    /// The port it advertises: the gate's.
    pub advertised_port: u16,
    /// The UDP port of its tunnel.
    pub tunnel_port: u16,
}

impl Node {
    /// Creates home, key and namespace.
    pub(crate) async fn prepare(name: &str, run: &Path, namespace: Namespace, ports: &Ports) -> Result<Self> {
        let home = run.join(name).join("home");
        std::fs::create_dir_all(&home)?;
        let args = ["keys", "add", KEY, "--keyring.backend", "test", "--output-format", "json"];
        let output = run_node(&program(), &home, &args).await.context("cannot create the node's key")?;
        let account = account_in(&output).context("`keys add` of the node gave no address")?;
        let (_, bytes) = bech32::decode(&account).context("the node's key has no account address")?;
        let address = bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("sentnode")?, &bytes)?;
        let (api_port, advertised_port, tunnel_port) = (ports.next()?, ports.next()?, ports.next()?);
        Ok(Self {
            name: name.to_owned(),
            address,
            account,
            home,
            namespace,
            api_port,
            advertised_port,
            tunnel_port,
        })
    }

    /// Writes its configuration. It advertises the host's address: the gate stands there.
    pub(crate) async fn configure(&self, hub: &LocalHub, advertised: &str) -> Result<()> {
        let (ports, prices) =
            (format!("{}:{}", self.api_port, self.advertised_port), format!("{DENOM}:0,{PRICE}"));
        let args = [
            ["--keyring.backend", "test"],
            ["--tx.from-name", KEY],
            ["--rpc.addrs", &hub.rpc_on_bridge],
            ["--rpc.chain-id", CHAIN_ID],
            ["--node.service-type", "wireguard"],
            ["--node.moniker", &self.name],
            ["--node.remote-addrs", advertised],
            ["--node.api-port", &ports],
            ["--node.gigabyte-prices", &prices],
            ["--node.hourly-prices", &prices],
            ["--node.interval-session-validate", "2s"],
            ["--oracle.name", ""],
        ];
        let args: Vec<&str> = std::iter::once("init").chain(args.into_iter().flatten()).collect();
        run_node(&program(), &self.home, &args).await.context("cannot initialise the node")?;
        let path = self.home.join("wireguard/config.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut tunnel: toml::Table = text.parse().with_context(|| path.display().to_string())?;
        tunnel.insert("port".to_owned(), self.tunnel_port.to_string().into());
        std::fs::write(&path, tunnel.to_string())?;
        Ok(())
    }

    /// Starts the replacement of the geo-IP service, then the node, and waits until the node answers.
    pub(crate) async fn start(&self, supervisor: &Supervisor) -> Result<()> {
        self.close_api_port().await?;
        let geoip = crate::paths::stock_program("sentinel-refnode").into_os_string();
        let args = ["fake-geoip", "--listen", "127.0.0.1:80"].map(OsString::from);
        supervisor
            .launch(Spec {
                name: format!("{}-geoip", self.name),
                command: self.namespace.enter(std::iter::once(geoip).chain(args)),
                environment: Vec::new(),
                log: self.log("geoip"),
                probe: Probe::None,
                grace: Duration::from_secs(1),
            })
            .await?;
        let home = self.home.clone().into_os_string();
        let args = ["start", "--log.format", "text", "--log.level", "debug", "--home"].map(OsString::from);
        let command = std::iter::once(program().into_os_string()).chain(args).chain([home]);
        supervisor
            .launch(Spec {
                name: self.name.clone(),
                command: self.namespace.enter(command),
                environment: Vec::new(),
                log: self.log("node"),
                probe: Probe::Succeeds(self.plain_url()),
                grace: Duration::from_secs(8),
            })
            .await
    }

    /// Its API without the gate, plain HTTP; only the root namespace gets there.
    pub fn plain_url(&self) -> String {
        format!("http://{}:{}", self.namespace.address(), self.api_port)
    }

    /// Description for the info document. The node advertises the address of the host.
    pub(crate) fn info(&self, host: Ipv4Addr) -> NodeInfo {
        NodeInfo {
            address: self.address.clone(),
            home: self.home.display().to_string(),
            plain_url: self.plain_url(),
            advertised: format!("{host}:{}", self.advertised_port),
            namespace: self.namespace.name().to_owned(),
            interface: INTERFACE.to_owned(),
        }
    }

    /// Restricts the API port to the gate on every interface, as an operator does. Without this a client would
    /// reach the node at its address in the tunnel.
    async fn close_api_port(&self) -> Result<()> {
        let octets = self.namespace.address().octets();
        let gate = format!("{}.{}.{}.1", octets[0], octets[1], octets[2]);
        let port = self.api_port.to_string();
        let rule = ["iptables", "-I", "INPUT", "-p", "tcp", "--dport", &port, "!", "-s", &gate];
        let command = self.namespace.enter(rule.into_iter().chain(["-j", "REJECT"]));
        crate::process::run_to_end(&command).await.context("cannot close the node's API port")
    }

    fn log(&self, of: &str) -> PathBuf {
        self.home.with_file_name(format!("{of}.log"))
    }
}

fn program() -> PathBuf {
    let real = std::env::var_os("SENTINEL_DVPNX_BIN").filter(|path| !path.is_empty());
    real.map_or_else(|| crate::paths::stock_program("sentinel-refnode"), PathBuf::from)
}

/// Runs one of the node's commands; it asks for a mnemonic and a passphrase, and takes none for an answer.
async fn run_node(program: &Path, home: &Path, args: &[&str]) -> Result<String> {
    let mut child = Command::new(program)
        .args(args)
        .arg("--home")
        .arg(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if let Some(mut input) = child.stdin.take() {
        // A command that asks nothing may have ended by now.
        let _ = input.write_all(b"\n\n").await;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("{} {}: {}", program.display(), args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command prints its questions around the JSON.
fn account_in(output: &str) -> Option<String> {
    let found = output.find("\"sent1")?;
    output.get(found + 1..)?.split('"').next().map(str::to_owned)
}
