//! Configuration: `config.toml` in the gate's home, overridden by `SOVEREIGN_GATE__SECTION__KEY`.

mod differences;
mod sections;
mod template;
mod validate;

pub use sections::{
    BindingSection, CacheSection, CollectionSection, DelegationSection, EthereumSection, Finality,
    ForeignPeers, GateSection, GovernanceSection, HubSection, LimitsSection, LogSection, MemesSection,
    PlanDevices, PolicySection, RegistrySection, RetentionSection, SessionRule, StandardName,
    StandingSourceName, TierName, TierSection, TokenId, TunnelSection, TunnelSectionError, WhenFull,
};
use serde::{Deserialize, Serialize};
use service_runtime::settings::{Invalid, Settings};
pub use template::TEMPLATE;

/// All settings of the gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listener, private address and node.
    pub gate: GateSection,
    /// Ethereum providers.
    pub ethereum: EthereumSection,
    /// The Memes.
    pub memes: MemesSection,
    /// Further collections.
    pub collections: Vec<CollectionSection>,
    /// Delegation registries.
    pub delegation: DelegationSection,
    /// Governance contracts.
    pub governance: GovernanceSection,
    /// Cache of ownership answers.
    pub cache: CacheSection,
    /// Sign-in.
    pub binding: BindingSection,
    /// Hub endpoints.
    pub hub: HubSection,
    /// Policy of the tiers.
    pub policy: PolicySection,
    /// Standing of the node.
    pub registry: RegistrySection,
    /// The node's tunnel service.
    pub tunnel: TunnelSection,
    /// Retention of records.
    pub retention: RetentionSection,
    /// Limits for clients.
    pub limits: LimitsSection,
    /// Logs.
    pub log: LogSection,
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
    /// Returns the effective configuration as TOML with masked credentials.
    pub fn effective_toml(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        let addresses = shown.ethereum.rpc_addrs.iter_mut().chain(&mut shown.ethereum.ws_addrs);
        for address in addresses.chain(&mut shown.hub.grpc_addrs).chain(&mut shown.registry.rpc_addrs) {
            *address = crate::redact::redact_url(address);
        }
        toml::to_string_pretty(&shown)
    }
}

#[cfg(test)]
mod tests;
