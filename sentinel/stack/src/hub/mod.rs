//! The real hub, as a chain of one validator.

mod cli;
mod genesis;
mod market;
mod solo;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

pub use cli::{Cli, Transaction};
pub(crate) use genesis::{Genesis, Limits};
pub(crate) use market::{Market, PRICE};
pub use solo::Solo;

use crate::info::HubInfo;
use crate::net::Ports;
use crate::process::{Probe, Spec, Supervisor};

/// Its name for the controls.
pub(crate) const NAME: &str = "hub";
/// The chain id of the local hub.
pub const CHAIN_ID: &str = "sovereign-local-1";
/// Denomination of the only coin.
pub const DENOM: &str = "udvpn";
/// Initial balance of every account.
pub const FUNDS: u128 = 1_000_000_000_000_000;
/// Account that funds the users of tests.
pub(crate) const FAUCET: &str = "faucet";
/// Owns the plans.
pub(crate) const PROVIDER: &str = "provider";
/// Its account is on the gates' allow-list.
pub(crate) const PROBE: &str = "probe";
/// Funded users for manual work and other programs.
pub(crate) const USERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// Addresses, home and accounts of the local hub.
#[derive(Debug, Clone)]
pub(crate) struct LocalHub {
    /// `CometBFT` RPC on loopback.
    pub rpc: String,
    /// The same, as the namespaces reach it.
    pub rpc_on_bridge: String,
    /// gRPC on loopback.
    pub grpc: String,
    /// REST on loopback.
    pub lcd: String,
    /// Its home, with the keyring of all accounts.
    pub home: PathBuf,
    /// The command.
    pub binary: PathBuf,
    /// Funded accounts by the name of their key.
    pub keys: BTreeMap<String, String>,
}

impl LocalHub {
    /// Writes home, keys and genesis. `more` are accounts that must have funds from the first block on.
    pub(crate) async fn prepare(
        home: &Path,
        host: Ipv4Addr,
        ports: &Ports,
        limits: Limits,
        more: &[String],
    ) -> Result<(Self, Spec)> {
        let binary = crate::paths::stock_program("sentinelhub");
        let genesis = Genesis::init(&binary, home).await?;
        let names = [FAUCET, PROVIDER, PROBE].into_iter().chain(USERS);
        let keys = genesis.add_keys(names).await?;
        genesis.finish(keys.values().chain(more), limits).await?;
        let (rpc, grpc, lcd) = (ports.next()?, ports.next()?, ports.next()?);
        let p2p = ports.next()?;
        let hub = Self {
            rpc: format!("http://127.0.0.1:{rpc}"),
            rpc_on_bridge: format!("http://{host}:{rpc}"),
            grpc: format!("http://127.0.0.1:{grpc}"),
            lcd: format!("http://127.0.0.1:{lcd}"),
            home: home.to_owned(),
            binary: binary.clone(),
            keys,
        };
        let text = |value: &str| value.to_owned();
        let command = [
            binary.display().to_string(),
            text("start"),
            text("--home"),
            home.display().to_string(),
            // Without this the command sets the block time back to that of the live network.
            text("--skip-overwrite-config"),
            text("--log_no_color"),
            format!("--minimum-gas-prices=0.1{DENOM}"),
            format!("--rpc.laddr=tcp://127.0.0.1:{rpc},tcp://{host}:{rpc}"),
            text("--rpc.pprof_laddr="),
            format!("--p2p.laddr=tcp://127.0.0.1:{p2p}"),
            text("--p2p.pex=false"),
            text("--grpc.enable"),
            format!("--grpc.address=127.0.0.1:{grpc}"),
            text("--grpc-web.enable=false"),
            text("--api.enable"),
            format!("--api.address=tcp://127.0.0.1:{lcd}"),
        ];
        let spec = Spec {
            name: text(NAME),
            command: command.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            log: home.with_extension("log"),
            probe: Probe::Succeeds(format!("{}/cosmos/base/tendermint/v1beta1/blocks/latest", hub.lcd)),
            grace: Duration::from_secs(10),
        };
        Ok((hub, spec))
    }

    /// Starts it and waits for the first block. Its REST, which is not used here, comes up five seconds later.
    pub(crate) async fn start(&self, spec: Spec, supervisor: &Supervisor) -> Result<()> {
        supervisor.begin(spec)?;
        self.cli().wait_for_block(1).await
    }

    /// Description for the info document.
    pub(crate) fn info(&self) -> HubInfo {
        HubInfo {
            rpc: self.rpc.clone(),
            grpc: self.grpc.clone(),
            lcd: self.lcd.clone(),
            chain_id: CHAIN_ID.to_owned(),
            denom: DENOM.to_owned(),
            home: self.home.display().to_string(),
            binary: self.binary.display().to_string(),
            namespace: None,
            keys: self.keys.clone(),
            probe_key: PROBE.to_owned(),
        }
    }

    /// Its command, pointed at this chain.
    pub(crate) fn cli(&self) -> Cli {
        Cli::new(self.binary.clone(), self.home.clone(), self.rpc.clone())
    }
}
