//! Ethereum at a settled block: the registered nodes and the governance parameters.

mod error;
mod follow;
mod registry;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{B256, U256};
use sentinel_proto::address::NodeAddress;
use serde::Serialize;

pub use error::StandingError;
pub use follow::Follower;

/// The registry at one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standings {
    /// The block.
    pub block: SettledBlock,
    /// Governance parameters at that block.
    pub parameters: Parameters,
    /// Every registered node.
    pub nodes: BTreeMap<NodeAddress, NodeStanding>,
}

/// A settled block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SettledBlock {
    /// Block number.
    pub number: u64,
    /// Block time, Unix seconds.
    pub timestamp: u64,
}

impl SettledBlock {
    /// Returns the block's age by the local clock; zero for a block in the future.
    pub fn age(&self) -> Duration {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp));
        time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }
}

/// Values of the `ParameterRegistry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// Emergency pause: nothing new is started.
    pub paused: bool,
    /// Minimum stake of a registered node, in wei.
    pub min_stake: U256,
    /// Minimum score.
    pub min_score: u16,
    /// Hash of the approved configuration; zero: none.
    pub config_hash: B256,
    /// Increases with every change of the parameters.
    pub revision: u64,
}

/// Record of a node in the `NodeRegistry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeStanding {
    /// Not leaving, with at least the minimum stake.
    pub active: bool,
    /// Bonded stake, in wei.
    pub stake: U256,
    /// Score from 0 to 1000.
    pub score: u16,
    /// Whether either blacklist holds the node.
    pub blacklisted: bool,
    /// Registration time, Unix seconds.
    pub since: u64,
}
