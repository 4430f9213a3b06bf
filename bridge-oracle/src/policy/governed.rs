//! Sections of `governed.toml`. Every key is required: a default would decide without approval.

use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::{AccountAddress, NodeAddress, ProviderAddress};
use serde::{Deserialize, Serialize};

use super::Finality;
use super::amount;

/// The governed configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governed {
    /// Format version; 1.
    pub version: u32,
    /// Ethereum contracts and finality.
    pub ethereum: Ethereum,
    /// Hub chain, provider and plans.
    pub hub: Hub,
    /// Requirements of good standing in addition to the contracts.
    pub standing: Standing,
    /// Limits of changes.
    pub limits: Limits,
    /// Terms and budget of leases.
    pub lease: Lease,
    /// The approval of this file.
    pub approval: Approval,
}

/// Ethereum contracts and finality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ethereum {
    /// Chain id.
    pub chain_id: u64,
    /// `NodeRegistry`.
    pub node_registry: Address,
    /// `ParameterRegistry`.
    pub parameter_registry: Address,
    /// Finality rule.
    pub finality: Finality,
    /// Providers that must return the same answer.
    pub quorum: usize,
    /// Maximum age of the settled block.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
}

/// Hub chain, provider and plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Chain id.
    pub chain_id: String,
    /// Provider that the oracle acts for.
    pub provider: ProviderAddress,
    /// Plans of the provider with links managed by the oracle.
    pub plans: Vec<u64>,
    /// Accounts that may act as the oracle.
    pub members: Vec<AccountAddress>,
}

/// Requirements of good standing in addition to the contracts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Minimum score; the contracts' minimum applies if it is higher.
    pub min_score: u16,
    /// Margin above the minimum score that a removed node needs to be linked again.
    pub score_margin: u16,
    /// Time that a linked node may stay below the minimum score.
    #[serde(with = "humantime_serde")]
    pub score_grace: Duration,
    /// Time that a removed node must be in good standing before it is linked again.
    #[serde(with = "humantime_serde")]
    pub min_dwell: Duration,
    /// Nodes that are never linked.
    pub blacklist: Vec<NodeAddress>,
}

/// Limits of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Maximum percentage of linked nodes that may be removed within `removal_window`.
    pub max_removed_percent: u8,
    /// Number of nodes that may be removed within the window, whatever the percentage.
    pub max_removed_always: u32,
    /// Window of the removal limit.
    #[serde(with = "humantime_serde")]
    pub removal_window: Duration,
    /// Maximum actions in one round.
    pub max_actions: usize,
}

/// Terms and budget of leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Denomination of prices and budget.
    pub denom: String,
    /// Hours for which a lease is started or renewed.
    pub hours: u32,
    /// Time before its end at which the oracle renews a lease that the hub would not renew.
    #[serde(with = "humantime_serde")]
    pub renew_before: Duration,
    /// Maximum price of an hour.
    #[serde(with = "amount")]
    pub max_hourly_price: u128,
    /// Maximum `base_value` of the price, scaled by 10^18; 0: nodes with a base price are not leased.
    #[serde(with = "amount")]
    pub max_hourly_base: u128,
    /// Maximum deposits of leases within 24 hours; refunds are not subtracted.
    #[serde(with = "amount")]
    pub max_per_day: u128,
}

/// The approval of this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Time that a running oracle continues after another hash, or none, is approved.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}
