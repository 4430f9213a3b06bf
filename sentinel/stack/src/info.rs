//! Description of the running network for other programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The running network, as `cargo xtask stack --json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackInfo {
    /// The EVM chain.
    pub ethereum: EthereumInfo,
    /// The Sentinel Hub.
    pub hub: HubInfo,
    /// The nodes.
    pub nodes: Vec<NodeInfo>,
    /// The gates; the first stands before the first node, and so on.
    pub gates: Vec<GateInfo>,
    /// The sign-in site, where one runs.
    pub signin_site: Option<SiteInfo>,
    /// The provider's plans.
    pub plans: PlansInfo,
    /// The stock client.
    pub client: ClientInfo,
    /// A program that stops, starts, kills, pauses, resumes and restarts the others: `VERB NAME`; `list` names them.
    pub control: Vec<String>,
    /// The directory of this run, with the logs of everything.
    pub directory: String,
}

/// The EVM chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EthereumInfo {
    /// JSON-RPC over HTTP.
    pub rpc: String,
    /// JSON-RPC over WebSocket.
    pub ws: String,
    /// Chain id.
    pub chain_id: u64,
    /// The collection.
    pub memes: String,
    /// Token id of THIS card, decimal.
    pub this_card: String,
    /// Token id of some other card, decimal.
    pub other_card: String,
    /// 6529 `NFTDelegation`.
    pub nft_delegation: String,
    /// delegate.xyz v2.
    pub delegate_registry: String,
    /// Multicall3.
    pub multicall: String,
    /// Private key of the owner of the test contracts, with funds.
    pub deployer_key: String,
    /// Every contract by name.
    pub contracts: BTreeMap<String, String>,
}

/// The Sentinel Hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubInfo {
    /// RPC.
    pub rpc: String,
    /// gRPC.
    pub grpc: String,
    /// REST.
    pub lcd: String,
    /// Chain id.
    pub chain_id: String,
    /// The coin.
    pub denom: String,
    /// Home with the keyring (backend `test`).
    pub home: String,
    /// The command.
    pub binary: String,
    /// Its network namespace; none: that of the caller.
    pub namespace: Option<String>,
    /// Funded accounts by the name of their key.
    pub keys: BTreeMap<String, String>,
    /// The key whose account is on the gates' allow-list.
    pub probe_key: String,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// `sentnode1…`
    pub address: String,
    /// Its home.
    pub home: String,
    /// Its API without the gate.
    pub plain_url: String,
    /// What the hub's record says.
    pub advertised: String,
    /// Its network namespace.
    pub namespace: String,
    /// Its tunnel.
    pub interface: String,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateInfo {
    /// Its name for the controls.
    pub name: String,
    /// Where holders and clients arrive, on loopback.
    pub url: String,
    /// Health, metrics and sessions.
    pub admin: String,
    /// Its home.
    pub home: String,
    /// Its configuration.
    pub config: String,
    /// Address of the node behind it.
    pub node: String,
    /// Restarts it; one more argument like `+25h` shifts its clock.
    pub restart: Vec<String>,
}

/// The sign-in site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    /// Where holders sign in.
    pub url: String,
    /// Health and metrics.
    pub admin: String,
}

/// The provider's plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlansInfo {
    /// Zero price, public.
    pub free: u64,
    /// Priced.
    pub paid: u64,
}

/// The stock client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The program.
    pub binary: String,
    /// The namespace where tunnels come up.
    pub namespace: String,
    /// Command line with the fields `{url} {session} {key} {node}`.
    pub connect: Vec<String>,
}
