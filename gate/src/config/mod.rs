//! Configuration: `config.toml` in the gate's home, overridden by `SOVEREIGN_GATE__SECTION__KEY`.

mod differences;
mod sections;
mod template;
mod validate;

pub use sections::{
    Binding, Cache, Collection, Delegation, Ethereum, ForeignPeers, Gate, Governance, Hub, Limits, Log,
    Memes, PlanDevices, Policy, Registry, Retention, SessionRule, Standard, StandingSource, TierName,
    TierPolicy, TokenId, Tunnel, WhenFull,
};
use serde::{Deserialize, Serialize};
use service_runtime::settings::{Invalid, Settings};
pub use template::TEMPLATE;

/// Everything the gate can be told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The door.
    pub gate: Gate,
    /// Where Ethereum is asked.
    pub ethereum: Ethereum,
    /// The Memes.
    pub memes: Memes,
    /// Further collections.
    pub collections: Vec<Collection>,
    /// Delegation registries.
    pub delegation: Delegation,
    /// Policy from the chain.
    pub governance: Governance,
    /// Cache of ownership answers.
    pub cache: Cache,
    /// Sign-in.
    pub binding: Binding,
    /// Where the hub is asked.
    pub hub: Hub,
    /// What each tier may do.
    pub policy: Policy,
    /// Standing of the node.
    pub registry: Registry,
    /// The node's tunnel service.
    pub tunnel: Tunnel,
    /// How long things are remembered.
    pub retention: Retention,
    /// Bounds for clients.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

impl Settings for Config {
    const PROGRAM: &'static str = "sovereign-gate";
    const ENV_PREFIX: &'static str = "SOVEREIGN_GATE";
    const LIST_KEYS: &'static [&'static str] = &[
        "ethereum.rpc_addrs",
        "ethereum.ws_addrs",
        "delegation.use_cases",
        "delegation.rights",
        "binding.accepted_domains",
        "binding.relays",
        "hub.grpc_addrs",
        "registry.rpc_addrs",
        "policy.allow_accounts",
        "policy.deny_wallets",
        "policy.deny_accounts",
        "policy.free.sessions",
        "policy.paid.sessions",
    ];

    fn problems(&self) -> Vec<Invalid> {
        self.check()
    }
}

impl Config {
    /// The effective configuration as TOML, fit to be shown: credentials in addresses are masked.
    pub fn effective(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        let addresses = shown.ethereum.rpc_addrs.iter_mut().chain(&mut shown.ethereum.ws_addrs);
        for address in addresses.chain(&mut shown.hub.grpc_addrs).chain(&mut shown.registry.rpc_addrs) {
            *address = crate::ops::redact::url(address);
        }
        toml::to_string_pretty(&shown)
    }
}

#[cfg(test)]
mod tests;
