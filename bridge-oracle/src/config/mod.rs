//! Local configuration: endpoints, keys, paths. `config.toml` in the oracle's home, overridden by
//! `BRIDGE_ORACLE__SECTION__KEY`. No key here decides about a node; [`policy`](crate::policy) holds those.

mod sections;
mod validate;

use serde::{Deserialize, Serialize};
use service_runtime::settings::{Invalid, Settings};

pub use sections::{Ethereum, Hub, Key, Log, Oracle, Tx};

/// The file that `init` writes: every key with an explanation, at its default.
pub const TEMPLATE: &str = include_str!("template.toml");
/// The local configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Settings of the process.
    pub oracle: Oracle,
    /// Ethereum endpoints.
    pub ethereum: Ethereum,
    /// Hub endpoints.
    pub hub: Hub,
    /// The oracle's key on the hub.
    pub key: Key,
    /// Settings of hub transactions.
    pub tx: Tx,
    /// Log settings.
    pub log: Log,
}

impl Settings for Config {
    const PROGRAM: &'static str = "bridge-oracle";
    const ENV_PREFIX: &'static str = "BRIDGE_ORACLE";
    const LIST_KEYS: &'static [&'static str] = &["ethereum.rpc_addrs", "hub.grpc_addrs"];

    fn problems(&self) -> Vec<Invalid> {
        self.check()
    }
}

#[cfg(test)]
mod tests;
