//! The hub as the oracle reads it: provider, plans, leases, links and leasable nodes, all of one height or newer.
//! Changes without a transaction (an inactive node loses its leases and links) are visible here.

mod hub;

use std::collections::{BTreeMap, BTreeSet};

use sentinel_proto::address::NodeAddress;
use sentinel_proto::wire::sentinel::types::v1::RenewalPricePolicy;
use serde::{Deserialize, Serialize};

pub use hub::HubLedger;

/// Renewal policy of the oracle's leases. Under it the hub renews a lease at its end, at the same price or less, so
/// that a plan survives an oracle that is down; the oracle may renew earlier at a higher price.
pub const RENEWAL: RenewalPricePolicy = RenewalPricePolicy::Always;

/// Price of an hour in the governed denomination. The hub compares `base` when either side has one, else `quote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// `base_value`, scaled by 10^18 as on the wire.
    #[serde(with = "crate::policy::amount")]
    pub base: u128,
    /// `quote_value`, in the smallest coin: the amount that is paid.
    #[serde(with = "crate::policy::amount")]
    pub quote: u128,
}

impl Price {
    /// Returns whether the hub accepts this price for an offered maximum of `other`.
    pub const fn within(&self, other: &Self) -> bool {
        if self.base > 0 || other.base > 0 { self.base <= other.base } else { self.quote <= other.quote }
    }
}

/// State of the hub at one height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Height of the read; parts that were read later may be newer.
    pub height: u64,
    /// Time of that block in Unix seconds: the clock of all decisions.
    pub time: u64,
    /// The provider.
    pub provider: ProviderState,
    /// The governed plans that exist. A plan of another provider is a read error.
    pub plans: BTreeMap<u64, PlanState>,
    /// The provider's leases; the hub allows one for each node.
    pub leases: BTreeMap<NodeAddress, LeaseState>,
    /// Requested nodes that are on the hub.
    pub nodes: BTreeMap<NodeAddress, NodeOnHub>,
}

/// State of the provider on the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderState {
    /// Not registered.
    Absent,
    /// Registered, not active: the hub refuses leases.
    Inactive,
    /// Active.
    Active,
}

/// A governed plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PlanState {
    /// Whether the plan takes subscriptions.
    pub active: bool,
    /// Linked nodes, whatever their state.
    pub links: BTreeSet<NodeAddress>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseState {
    /// Lease identifier.
    pub id: u64,
    /// Price of an hour.
    pub price: Price,
    /// Hours that were leased (`max_hours`).
    pub hours: u32,
    /// Hours paid out so far (`hours`); the rest is refunded if the lease ends early.
    pub paid: u32,
    /// Start or last renewal, in Unix seconds.
    pub start: u64,
    /// Whether the hub renews the lease (any policy except unspecified).
    pub renews: bool,
    /// Whether the policy is [`RENEWAL`]: the hub renews at any price up to the lease's own.
    pub always: bool,
}

impl LeaseState {
    /// Returns the end of the lease without renewal, in Unix seconds.
    pub const fn ends(&self) -> u64 {
        self.start.saturating_add(3600 * self.hours as u64)
    }
}

/// State of a node on the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeOnHub {
    /// Whether the node is active: an inactive node cannot be leased.
    pub active: bool,
    /// Price of an hour in the governed denomination; `None`: the node does not offer it.
    pub hourly: Option<Price>,
}

/// Errors of reading the hub.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The hub cannot be queried, or is not the configured chain.
    #[error(transparent)]
    Hub(#[from] sentinel_proto::hub::HubError),
    /// The block time is implausible, or the local clock is wrong.
    #[error("the hub's newest block is of {time} (Unix seconds): {problem}")]
    Time {
        /// Block time in Unix seconds.
        time: u64,
        /// Why the time is rejected.
        problem: &'static str,
    },
    /// A governed plan belongs to another provider: the configuration is wrong.
    #[error("plan {plan} belongs to {owner}")]
    ForeignPlan {
        /// The plan.
        plan: u64,
        /// Owner of the plan.
        owner: String,
    },
}

/// Source of the ledger.
pub trait ReadLedger: Send + Sync {
    /// Reads the ledger. `wanted` names nodes whose state and price are needed in addition to leased and linked nodes.
    fn read(
        &self,
        wanted: &BTreeSet<NodeAddress>,
    ) -> impl Future<Output = Result<Ledger, LedgerError>> + Send;
}
