//! EVM chain: anvil with the contracts at the addresses that the gate is configured for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::{Address, address};
use anyhow::{Context as _, Result};
use sovereign_contracts::dev::{Artifact, Deployment, DeploymentPlan, DevChain};
use sovereign_contracts::{delegate_registry, multicall, nft_delegation};

use crate::info::EthereumInfo;
use crate::net::Ports;
use crate::process::{Probe, Spec, Supervisor};

/// Chain id of the local EVM chain.
pub const CHAIN_ID: u64 = 31_337;
/// The first account of every anvil, and its well-known key.
pub(crate) const DEPLOYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const DEPLOYER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Initial token ids of the collection: more than one answer of the gate lists.
const INITIAL_TOKEN_COUNT: u64 = 24;
/// THIS card, and one of the others.
pub(crate) const THIS_CARD: u64 = 7;
pub(crate) const OTHER_CARD: u64 = 3;

/// The running chain and its contracts.
#[derive(Debug, Clone)]
pub(crate) struct Anvil {
    rpc: String,
    ws: String,
    contracts: BTreeMap<String, Address>,
}

impl Anvil {
    /// Starts anvil and deploys the contracts. Anvil writes its state every second, so that it can be killed and
    /// restarted. The states of former blocks are not written: after a thousand blocks that would be 700 MB a
    /// second, during which anvil answers no request.
    pub(crate) async fn start(run: &Path, ports: &Ports, supervisor: &Supervisor) -> Result<Self> {
        let port = ports.next()?;
        let (rpc, ws) = (format!("http://127.0.0.1:{port}"), format!("ws://127.0.0.1:{port}"));
        supervisor.launch(spec(run, port, &rpc)?).await?;
        let contracts =
            deploy(&DevChain::new(rpc.clone())).await.context("cannot deploy the test contracts")?;
        tracing::info!("ethereum: anvil with {INITIAL_TOKEN_COUNT} cards, RPC {rpc}");
        Ok(Self { rpc, ws, contracts })
    }

    /// Description for the info document.
    pub(crate) fn info(&self) -> EthereumInfo {
        let at = |name: &str| self.contracts.get(name).map(Address::to_string).unwrap_or_default();
        EthereumInfo {
            rpc: self.rpc.clone(),
            ws: self.ws.clone(),
            chain_id: CHAIN_ID,
            memes: at("TestMemes"),
            this_card: THIS_CARD.to_string(),
            other_card: OTHER_CARD.to_string(),
            nft_delegation: at("NFTDelegation"),
            delegate_registry: at("DelegateRegistry"),
            multicall: at("Multicall3"),
            deployer_key: DEPLOYER_KEY.to_owned(),
            contracts: self.contracts.iter().map(|(name, at)| (name.clone(), at.to_string())).collect(),
        }
    }
}

fn spec(run: &Path, port: u16, rpc: &str) -> Result<Spec> {
    let state = run.join("anvil.json").display().to_string();
    let program = program().context("anvil is not installed in contracts/node_modules")?;
    let (port, chain) = (port.to_string(), CHAIN_ID.to_string());
    let mut args = vec!["--port", &port, "--chain-id", &chain, "--state", &state, "--state-interval", "1"];
    // A killed anvil leaves its old states behind; keep them out of the cache of the user.
    let states = run.join("anvil-states").display().to_string();
    args.extend(["--cache-path", &states]);
    let command = std::iter::once(program.into_os_string()).chain(args.into_iter().map(Into::into));
    Ok(Spec {
        name: "anvil".to_owned(),
        command: command.collect(),
        environment: Vec::new(),
        log: run.join("anvil.log"),
        probe: Probe::Answers(rpc.to_owned()),
        grace: Duration::from_secs(5),
    })
}

async fn deploy(chain: &DevChain) -> Result<BTreeMap<String, Address>> {
    chain.place_stand_ins().await?;
    let memes = chain.deploy_memes(DEPLOYER, INITIAL_TOKEN_COUNT).await?;
    let gallery = chain.deploy(DEPLOYER, Artifact::TestGallery, &[]).await?;
    let wallets = chain.deploy(DEPLOYER, Artifact::WalletFactory, &[]).await?;
    let system = Deployment::make(chain, DeploymentPlan::local(memes)).await?.system;
    let contracts = [
        ("TestMemes", memes),
        ("TestGallery", gallery),
        ("WalletFactory", wallets),
        ("Multicall3", multicall::CANONICAL),
        ("NFTDelegation", nft_delegation::MAINNET),
        ("DelegateRegistry", delegate_registry::CANONICAL),
    ];
    Ok(contracts.into_iter().chain(system.named()).map(|(name, at)| (name.to_owned(), at)).collect())
}

/// The real binary: the command of the npm package is a script that would not pass signals on.
fn program() -> Option<PathBuf> {
    npm_binary("anvil")
}

/// A binary of the Foundry packages for this machine.
pub fn npm_binary(name: &str) -> Option<PathBuf> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("contracts/node_modules/@foundry-rs/{name}-linux-{architecture}/bin/{name}");
    Some(crate::paths::repository().join(package)).filter(|path| path.is_file())
}
