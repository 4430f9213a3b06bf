//! Where the standing of the node behind this gate is read.

use std::time::Duration;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use service_runtime::section;

use crate::standing::SettledAt;

/// Who knows whether a node is in good standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandingSource {
    /// The registry on Ethereum.
    #[default]
    Registry,
    /// The hub: the node is linked to the plan of the session.
    Hub,
}

section! {
    /// Standing of the node behind this gate, for `policy.require_standing`.
    Registry {
        /// Who is asked.
        source: StandingSource = StandingSource::Registry,
        /// JSON-RPC providers of the registry's chain; empty: those of `[ethereum]`, and its chain.
        rpc_addrs: Vec<String> = Vec::new(),
        /// Chain id of the registry's chain, where `rpc_addrs` are given.
        chain_id: u64 = 1,
        /// How many of `rpc_addrs` must give the same answer.
        quorum: usize = 1,
        /// The `NodeRegistry`; the zero address: standing is not read there.
        contract: Address = Address::ZERO,
        /// Least score.
        min_score: u16 = 100,
        /// Block in which a node must be good before it is taken for good; a fault counts from the newest one on.
        finality: SettledAt = SettledAt::Finalized,
        /// How often it is read.
        #[serde(with = "humantime_serde")]
        interval: Duration = Duration::from_secs(12),
        /// How long what was read last counts while it cannot be read.
        #[serde(with = "humantime_serde")]
        max_age: Duration = Duration::from_secs(600),
    }
}
