//! Ethereum at a settled block: which nodes there are, and the governed numbers that go with them.

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
    pub block: Settled,
    /// The governed numbers at that block.
    pub parameters: Parameters,
    /// Every registered node.
    pub nodes: BTreeMap<NodeAddress, NodeStanding>,
}

/// A settled block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Its number.
    pub number: u64,
    /// Its time, Unix seconds.
    pub timestamp: u64,
}

impl Settled {
    /// Time since this block by the local clock; zero for a block of the future.
    pub fn age(&self) -> Duration {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp));
        time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }
}

/// What the `ParameterRegistry` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// The emergency brake: nothing new is started while it is on.
    pub paused: bool,
    /// Least stake of a registered node, in wei.
    pub min_stake: U256,
    /// Least score.
    pub min_score: u16,
    /// Hash of the approved configuration; zero without one.
    pub config_hash: B256,
    /// Grows with every change of the parameters.
    pub revision: u64,
}

/// What the `NodeRegistry` says of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeStanding {
    /// Not leaving, and at least the least stake.
    pub active: bool,
    /// Bonded stake, in wei.
    pub stake: U256,
    /// 0 to 1000.
    pub score: u16,
    /// On either blacklist.
    pub blacklisted: bool,
    /// Registered since, Unix seconds.
    pub since: u64,
}
