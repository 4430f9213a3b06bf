//! Sections of `governed.toml`. Every key is required: a default would decide without having been approved.

use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::{AccountAddress, NodeAddress, ProviderAddress};
use serde::{Deserialize, Serialize};

use super::Finality;
use super::amount;

/// Everything that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governed {
    /// Form of this file; 1.
    pub version: u32,
    /// Where standing is read.
    pub ethereum: Ethereum,
    /// Where it becomes true.
    pub hub: Hub,
    /// Who is in good standing, beyond what the contracts say.
    pub standing: Standing,
    /// How much may change at once.
    pub limits: Limits,
    /// Leases and what they may cost.
    pub lease: Lease,
    /// The approval of this file.
    pub approval: Approval,
}

/// Where standing is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ethereum {
    /// Chain id.
    pub chain_id: u64,
    /// `NodeRegistry`.
    pub node_registry: Address,
    /// `ParameterRegistry`.
    pub parameter_registry: Address,
    /// Which block counts.
    pub finality: Finality,
    /// Providers that must give the same answer.
    pub quorum: usize,
    /// Oldest settled block that is acted on.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

/// Where standing becomes true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Chain id.
    pub chain_id: String,
    /// The provider in whose name the oracle acts.
    pub provider: ProviderAddress,
    /// Its plans whose links the oracle keeps.
    pub plans: Vec<u64>,
    /// Accounts that may act as the oracle.
    pub members: Vec<AccountAddress>,
}

/// Who is in good standing, beyond what the contracts say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Least score, should the contracts ask for less.
    pub min_score: u16,
    /// What a removed node's score must be above the least to be linked again.
    pub score_margin: u16,
    /// How long a linked node may be below the least score.
    #[serde(with = "humantime_serde")]
    pub score_grace: Duration,
    /// How long a removed node must be in good standing again before it is linked.
    #[serde(with = "humantime_serde")]
    pub min_dwell: Duration,
    /// Nodes that are never linked.
    pub blacklist: Vec<NodeAddress>,
}

/// How much may change at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Part of the linked nodes that may be removed within `removal_window`, in percent.
    pub max_removed_percent: u8,
    /// So many may be removed within the window however few are linked.
    pub max_removed_always: u32,
    /// The window.
    #[serde(with = "humantime_serde")]
    pub removal_window: Duration,
    /// Actions of one round.
    pub max_actions: usize,
}

/// Leases and what they may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Denomination of prices and budget.
    pub denom: String,
    /// Hours that a lease is started or renewed for.
    pub hours: u32,
    /// How long before its end a lease is renewed that the hub would not renew by itself.
    #[serde(with = "humantime_serde")]
    pub renew_before: Duration,
    /// Most that an hour may cost.
    #[serde(with = "amount")]
    pub max_hourly_price: u128,
    /// Most that its `base_value` may be, scaled by 10^18; 0: nodes with a base price are not leased.
    #[serde(with = "amount")]
    pub max_hourly_base: u128,
    /// Most that leases may take as deposit within 24 hours; refunds are not counted back.
    #[serde(with = "amount")]
    pub max_per_day: u128,
}

/// The approval of this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// How long a running oracle goes on once another hash, or none, is approved.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}
