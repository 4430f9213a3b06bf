//! Gates: the program under test with a configuration for this network.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::control::Control;
use crate::hub::Market;
use crate::info::{EthereumInfo, GateInfo, HubInfo};
use crate::net::Ports;
use crate::node::Node;
use crate::process::{Probe, Spec, Supervisor};

/// Name of the network in sign-in messages.
pub const NETWORK: &str = "local";

/// Part of the configuration that all gates of this network share.
#[derive(Debug, Clone)]
pub(crate) struct GateEnvironment {
    pub(crate) ethereum: EthereumInfo,
    pub(crate) hub: HubInfo,
    pub(crate) market: Market,
    pub(crate) host: Ipv4Addr,
}

/// One gate before one node.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) node: String,
    port: u16,
    admin_port: u16,
    /// Directory of the control sockets of the node.
    sockets: PathBuf,
}

/// Shell command that starts a gate. A real gate runs on the machine of the node. Here it listens in the root namespace
/// and enters the namespace of the node by its configuration; a bind mount gives it the control sockets of the node.
const ON_NODE: &str = r#"mount --bind "$0" /var/run/wireguard && exec "$@""#;

impl Gate {
    /// Writes its home. `edit` may change the configuration before it is written.
    pub(crate) fn prepare(
        name: &str,
        program: &Path,
        run: &Path,
        (node, port): (&Node, u16),
        surroundings: &GateEnvironment,
        ports: &Ports,
        edit: impl FnOnce(&mut Table),
    ) -> Result<Self> {
        let home = run.join(name).join("home");
        std::fs::create_dir_all(&home)?;
        let gate = Self {
            name: name.to_owned(),
            program: program.to_owned(),
            home,
            node: node.address.clone(),
            port,
            admin_port: ports.next()?,
            sockets: node.namespace.control_sockets(),
        };
        let mut config = gate.configuration(node, surroundings)?;
        edit(&mut config);
        gate.write(&config)?;
        Ok(gate)
    }

    /// URL for clients on this machine. The port serves both TLS and plain HTTP.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    /// Listening ports: public and private.
    pub(crate) fn ports(&self) -> [u16; 2] {
        [self.port, self.admin_port]
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.home.join("config.toml")
    }

    /// Starts it; ready to refuse is not enough, it must be able to admit.
    pub(crate) async fn start(&self, supervisor: &Supervisor) -> Result<()> {
        let command = [
            "unshare".into(),
            "--mount".into(),
            "sh".into(),
            "-c".into(),
            ON_NODE.into(),
            self.sockets.clone().into_os_string(),
            self.program.clone().into_os_string(),
            "--home".into(),
            self.home.clone().into(),
            "start".into(),
        ];
        supervisor
            .launch(Spec {
                name: self.name.clone(),
                command: command.into_iter().collect::<Vec<OsString>>(),
                environment: Vec::new(),
                log: self.home.with_file_name("gate.log"),
                probe: Probe::Succeeds(format!("{}/health", self.admin())),
                grace: Duration::from_secs(12),
            })
            .await
    }

    /// Description for the info document.
    pub(crate) fn info(&self, control: &Control) -> GateInfo {
        GateInfo {
            name: self.name.clone(),
            url: self.url(),
            admin: self.admin(),
            home: self.home.display().to_string(),
            config: self.config_path().display().to_string(),
            node: self.node.clone(),
            restart: control.command(&["restart", &self.name]),
        }
    }

    /// The configuration as it is on disk.
    pub(crate) fn read(&self) -> Result<Table> {
        let path = self.config_path();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        text.parse().with_context(|| format!("{} is not TOML", path.display()))
    }

    pub(crate) fn write(&self, config: &Table) -> Result<()> {
        let path = self.config_path();
        std::fs::write(&path, config.to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?)
    }

    fn configuration(&self, node: &Node, around: &GateEnvironment) -> Result<Table> {
        let GateEnvironment { ethereum, hub, market, host } = around;
        let probe = hub.keys.get(&hub.probe_key).context("the probe has no key")?;
        let (free, paid) = (format!("plan:{}", market.free), format!("plan:{}", market.paid));
        let list = |items: &[&str]| Value::from(items.to_vec());
        let section = |pairs: &[(&str, Value)]| {
            Value::Table(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let tier = |sessions: &[&str]| section(&[("sessions", list(sessions)), ("devices", 3.into())]);
        let sections = [
            (
                "gate",
                section(&[
                    ("listen_addr", format!("0.0.0.0:{}", self.port).into()),
                    ("admin_addr", format!("127.0.0.1:{}", self.admin_port).into()),
                    ("node_url", node.plain_url().into()),
                    ("network", NETWORK.into()),
                    ("public_url", format!("https://{host}:{}", self.port).into()),
                ]),
            ),
            (
                "ethereum",
                section(&[
                    ("rpc_addrs", list(&[&ethereum.rpc])),
                    ("ws_addrs", list(&[&ethereum.ws])),
                    ("chain_id", i64::try_from(ethereum.chain_id)?.into()),
                    // The chain makes a block only when there is something to put into it.
                    ("max_head_age", "0s".into()),
                ]),
            ),
            (
                "memes",
                section(&[
                    ("contract", ethereum.memes.clone().into()),
                    ("this_card", ethereum.this_card.clone().into()),
                    ("discovery_interval", "1s".into()),
                ]),
            ),
            (
                "delegation",
                section(&[
                    ("nft_delegation", ethereum.nft_delegation.clone().into()),
                    ("delegate_registry", ethereum.delegate_registry.clone().into()),
                ]),
            ),
            ("cache", section(&[("positive_ttl", "10s".into()), ("negative_ttl", "1s".into())])),
            (
                "hub",
                section(&[("grpc_addrs", list(&[&hub.grpc])), ("chain_id", hub.chain_id.clone().into())]),
            ),
            (
                "policy",
                section(&[
                    ("allow_accounts", list(&[probe])),
                    ("free", tier(&["direct", &free])),
                    ("paid", tier(&["direct", &paid])),
                ]),
            ),
            (
                "tunnel",
                section(&[
                    // Trials put several gates before one node.
                    ("foreign_peers", "keep".into()),
                    ("node_home", node.home.display().to_string().into()),
                    ("namespace", format!("/run/netns/{}", node.namespace.name()).into()),
                ]),
            ),
            ("log", section(&[("level", "info,sovereign_gate=debug".into())])),
        ];
        Ok(sections.into_iter().map(|(name, section)| (name.to_owned(), section)).collect())
    }
}
