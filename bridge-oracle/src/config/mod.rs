//! What is local: endpoints, keys, paths. `config.toml` in the oracle's home, overridden by
//! `BRIDGE_ORACLE__SECTION__KEY`. Nothing here decides about a node; that is [`policy`](crate::policy)'s.

mod sections;
mod validate;

use serde::{Deserialize, Serialize};
use service_runtime::settings::{Invalid, Settings};

pub use sections::{Ethereum, Hub, Key, Log, Oracle, Tx};

/// The file that `init` writes: every key, explained, at its default.
pub const TEMPLATE: &str = include_str!("template.toml");
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
