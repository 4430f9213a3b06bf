//! Source of the standing of the node behind this gate.

use std::time::Duration;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use service_runtime::section;

/// Block in which a node must be good before it counts as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finality {
    /// Cannot be reorganised.
    #[default]
    Finalized,
    /// Unlikely to be reorganised.
    Safe,
    /// The newest, for chains without finality.
    Latest,
}

/// Source of standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandingSourceName {
    /// The registry on Ethereum.
    #[default]
    Registry,
    /// The hub: the node is linked to the plan of the session.
    Hub,
}

section! {
    /// Standing of the node behind this gate, for `policy.require_standing`.
    RegistrySection {
        /// Source of standing.
        source: StandingSourceName = StandingSourceName::Registry,
        /// JSON-RPC providers of the registry's chain; empty: those of `[ethereum]`, and its chain.
        rpc_addrs: Vec<String> = Vec::new(),
        /// Chain id of the registry's chain, where `rpc_addrs` are given.
        chain_id: u64 = 1,
        /// Number of `rpc_addrs` that must give the same answer.
        quorum: usize = 1,
        /// The `NodeRegistry`; the zero address: standing is not read there.
        contract: Address = Address::ZERO,
        /// Minimum score.
        min_score: u16 = 100,
        /// Block in which a node must be good before it counts as good; a fault applies from the newest block on.
        finality: Finality = Finality::Finalized,
        /// Poll interval.
        #[serde(with = "humantime_serde")]
        interval: Duration = Duration::from_secs(12),
        /// Maximum age of the latest finding.
        #[serde(with = "humantime_serde")]
        max_age: Duration = Duration::from_secs(600),
    }
}
