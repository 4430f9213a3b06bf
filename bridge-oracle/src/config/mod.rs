//! What is local: endpoints, keys, paths. `config.toml` in the oracle's home, overridden by
//! `BRIDGE_ORACLE__SECTION__KEY`. Nothing here decides about a node; that is [`policy`](crate::policy)'s.
//!
//! Reading touches no network. Unknown keys are refused: a misspelt key must not silently become a default.

mod sections;
mod validate;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use sections::{Ethereum, Hub, Key, Log, LogFormat, Oracle, Tx};
pub use validate::Invalid;

/// The file that `init` writes: every key, explained, at its default.
pub const TEMPLATE: &str = include_str!("template.toml");
/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "BRIDGE_ORACLE";
/// Keys that hold a list; their environment override is separated by commas.
const LIST_KEYS: &[&str] = &["ethereum.rpc_addrs", "hub.grpc_addrs"];

/// Everything local.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The process.
    pub oracle: Oracle,
    /// Where Ethereum is asked.
    pub ethereum: Ethereum,
    /// Where the hub is asked.
    pub hub: Hub,
    /// The oracle's key on the hub.
    pub key: Key,
    /// Transactions on the hub.
    pub tx: Tx,
    /// Logs.
    pub log: Log,
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}: {source}; `bridge-oracle init` writes one")]
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
}

#[cfg(test)]
mod tests;
