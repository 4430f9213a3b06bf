//! Configuration: `config.toml` in the gate's home, overridden by `SOVEREIGN_GATE__SECTION__KEY`.
//!
//! Reading and validating touch no network. Unknown keys are refused: a misspelt key must not silently
//! become a default.

mod sections;
mod template;
mod validate;

use std::path::{Path, PathBuf};

pub use sections::{
    Binding, Cache, Collection, Delegation, Ethereum, ForeignPeers, Gate, Governance, Hub, Limits, Log,
    LogFormat, Memes, Policy, Retention, SessionRule, Standard, TierName, TierPolicy, TokenId, Tunnel,
    WhenFull,
};
use serde::{Deserialize, Serialize};
pub use template::TEMPLATE;
pub use validate::Invalid;

/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "SOVEREIGN_GATE";

/// Keys that hold a list; their environment override is separated by commas.
const LIST_KEYS: &[&str] = &[
    "ethereum.rpc_addrs",
    "ethereum.ws_addrs",
    "delegation.use_cases",
    "delegation.rights",
    "binding.accepted_domains",
    "binding.relays",
    "hub.grpc_addrs",
    "policy.allow_accounts",
    "policy.deny_wallets",
    "policy.deny_accounts",
    "policy.free.sessions",
    "policy.paid.sessions",
];

/// Everything the gate can be told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// The node's tunnel service.
    pub tunnel: Tunnel,
    /// How long things are remembered.
    pub retention: Retention,
    /// Bounds for clients.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}: {source}; `sovereign-gate init` writes one")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file or an override does not parse.
    #[error("{path}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the key.
        source: Box<config::ConfigError>,
    },
    /// The values contradict each other or a bound.
    #[error("{path}: {}", join(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every problem found.
        problems: Vec<Invalid>,
    },
}

fn join(problems: &[Invalid]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Config {
    /// Reads `home/config.toml` and the process's environment.
    pub fn load(home: &Path) -> Result<Self, ConfigError> {
        Self::load_with(home, None)
    }

    /// Like [`Config::load`], with `environment` in place of the process's own.
    pub fn load_with(
        home: &Path,
        environment: Option<config::Map<String, String>>,
    ) -> Result<Self, ConfigError> {
        let path = home.join("config.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let malformed = |source| ConfigError::Malformed { path: path.clone(), source: Box::new(source) };
        let mut overrides = config::Environment::with_prefix(ENV_PREFIX)
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .try_parsing(true)
            .source(environment);
        for key in LIST_KEYS {
            overrides = overrides.with_list_parse_key(key);
        }
        let parsed: Self = config::Config::builder()
            .add_source(config::File::from_str(&text, config::FileFormat::Toml))
            .add_source(overrides)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(malformed)?;
        let problems = parsed.problems();
        if problems.is_empty() { Ok(parsed) } else { Err(ConfigError::Invalid { path, problems }) }
    }

    /// Names of the sections that differ.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let sections = [
            ("gate", self.gate == other.gate),
            ("ethereum", self.ethereum == other.ethereum),
            ("memes", self.memes == other.memes),
            ("collections", self.collections == other.collections),
            ("delegation", self.delegation == other.delegation),
            ("cache", self.cache == other.cache),
            ("binding", self.binding == other.binding),
            ("hub", self.hub == other.hub),
            ("policy", self.policy == other.policy),
            ("governance", self.governance == other.governance),
            ("tunnel", self.tunnel == other.tunnel),
            ("retention", self.retention == other.retention),
            ("limits", self.limits == other.limits),
            ("log", self.log == other.log),
        ];
        sections.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    /// The effective configuration as TOML, fit to be shown: credentials in addresses are masked.
    pub fn effective(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        let addresses = shown.ethereum.rpc_addrs.iter_mut().chain(&mut shown.ethereum.ws_addrs);
        for address in addresses.chain(&mut shown.hub.grpc_addrs) {
            *address = crate::ops::redact::url(address);
        }
        toml::to_string_pretty(&shown)
    }
}

#[cfg(test)]
mod tests;
