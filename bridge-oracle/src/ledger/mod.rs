//! The hub as the oracle sees it: provider, plans, leases, links, and the nodes that it may lease, all of one height
//! or newer. What happens without a transaction (a node going inactive loses its leases and links) shows here.

mod hub;

use std::collections::{BTreeMap, BTreeSet};

use sentinel_proto::address::NodeAddress;
use sentinel_proto::wire::sentinel::types::v1::RenewalPricePolicy;
use serde::{Deserialize, Serialize};

pub use hub::HubLedger;

/// Policy of our leases. Under it the hub renews a lease at its end by itself, at the price that it had or less, so
/// that a plan outlives an oracle that is down; and the oracle may renew earlier at a higher price.
pub const RENEWAL: RenewalPricePolicy = RenewalPricePolicy::Always;

/// Price of an hour in the governed denomination. The hub compares `base` when either side has one, else `quote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// `base_value`, scaled by 10^18 as on the wire.
    #[serde(with = "crate::policy::amount")]
    pub base: u128,
    /// `quote_value`, in the smallest coin: what is paid.
    #[serde(with = "crate::policy::amount")]
    pub quote: u128,
}

impl Price {
    /// Whether the hub takes this price where `other` is the most that is offered.
    pub const fn within(&self, other: &Self) -> bool {
        if self.base > 0 || other.base > 0 { self.base <= other.base } else { self.quote <= other.quote }
    }
}

/// The hub at one height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Height at which it was read; what was read later is newer.
    pub height: u64,
    /// Time of that block, Unix seconds: the clock of all decisions.
    pub time: u64,
    /// The provider.
    pub provider: ProviderState,
    /// Those of the governed plans that exist and are the provider's. Another one's plan is an error of the reading.
    pub plans: BTreeMap<u64, PlanState>,
    /// The provider's leases; the hub allows one for each node.
    pub leases: BTreeMap<NodeAddress, LeaseState>,
    /// Nodes that were asked for and are on the hub.
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
    /// Whether subscriptions are taken.
    pub active: bool,
    /// Linked nodes, whatever their state.
    pub links: BTreeSet<NodeAddress>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseState {
    /// Its number.
    pub id: u64,
    /// Price of an hour.
    pub price: Price,
    /// Hours that were leased (`max_hours`).
    pub hours: u32,
    /// Hours paid out so far (`hours`); the rest is refunded at an early end.
    pub paid: u32,
    /// Start, or last renewal; Unix seconds.
    pub start: u64,
    /// Whether the hub renews it by itself (any policy but unspecified).
    pub renews: bool,
    /// Whether it does so whatever became of the price, as ours do ([`RENEWAL`]); never above its own price.
    pub always: bool,
}

impl LeaseState {
    /// When it ends, if it is not renewed.
    pub const fn ends(&self) -> u64 {
        self.start.saturating_add(3600 * self.hours as u64)
    }
}

/// A node as the hub knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NodeOnHub {
    /// Whether it is active: an inactive one cannot be leased.
    pub active: bool,
    /// What an hour costs in the governed denomination; `None`: the node does not sell hours for it.
    pub hourly: Option<Price>,
}

/// Why the hub could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The hub cannot be asked now, or is not the configured one.
    #[error(transparent)]
    Hub(#[from] sentinel_proto::hub::HubError),
    /// The newest block cannot have the time that it is said to have, or this machine's clock is wrong.
    #[error("the hub's newest block is of {time} (Unix seconds): {problem}")]
    Time {
        /// What was said.
        time: u64,
        /// Why it is not believed.
        problem: &'static str,
    },
    /// A governed plan belongs to another provider: the configuration is wrong.
    #[error("plan {plan} belongs to {owner}")]
    ForeignPlan {
        /// The plan.
        plan: u64,
        /// Whose it is.
        owner: String,
    },
}

/// Where the ledger comes from.
pub trait ReadLedger: Send + Sync {
    /// The ledger now. `wanted` are the nodes whose state and price are needed besides those leased or linked.
    fn read(
        &self,
        wanted: &BTreeSet<NodeAddress>,
    ) -> impl Future<Output = Result<Ledger, LedgerError>> + Send;
}
