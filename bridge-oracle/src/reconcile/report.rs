//! Result of a round's decision.

use std::collections::BTreeMap;
use std::fmt;

use sentinel_proto::address::NodeAddress;
use serde::Serialize;

use super::fault::Fault;
use super::{ReconcileState, Step};

/// Result of a round's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Actions in order. Empty when halted.
    pub steps: Vec<Step>,
    /// Why the round does nothing although actions are due.
    pub halt: Option<Halt>,
    /// Every node that is registered, linked or leased.
    pub rows: BTreeMap<NodeAddress, NodeReport>,
    /// Budget use.
    pub spending: Spending,
    /// Actions left for a later round because this one is full.
    pub deferred: usize,
    /// State for the next round.
    #[serde(skip)]
    pub next_state: ReconcileState,
}

/// Status of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Fault of the node.
    pub fault: Option<Fault>,
    /// Status that follows from the fault and the history.
    #[serde(rename = "stance")]
    pub status: NodeStatus,
    /// Governed plans that link it.
    pub plans: Vec<u64>,
    /// Its lease.
    pub lease: Option<u64>,
    /// When the lease ends, Unix seconds.
    pub lease_ends: Option<u64>,
    /// Why the node does not get what its status asks for.
    pub held: Option<String>,
}

/// Status of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "stance", rename_all = "snake_case")]
pub enum NodeStatus {
    /// In good standing: belongs into the plans.
    Good,
    /// Linked with a fault; removed at `until`.
    Grace {
        /// Unix seconds, clock of the hub.
        until: u64,
    },
    /// Removed before, in good standing again; linked at `until`.
    Waiting {
        /// Unix seconds, clock of the hub.
        until: u64,
    },
    /// Linked or leased, and to be removed.
    Remove,
    /// Neither linked nor eligible.
    Out,
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Grace { .. } => f.write_str("grace"),
            Self::Waiting { .. } => f.write_str("waiting"),
            Self::Remove => f.write_str("remove"),
            Self::Out => f.write_str("out"),
        }
    }
}

/// Why a round does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "halt", rename_all = "snake_case")]
pub enum Halt {
    /// The removals exceed the limit of the window.
    Removals {
        /// Removals within the window, including this round.
        wanted: usize,
        /// Allowed removals.
        allowed: usize,
        /// Nodes linked at the start of the window, as far as known.
        linked: usize,
    },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Removals { wanted, allowed, linked } = self;
        write!(
            f,
            "{wanted} of {linked} linked nodes would be removed within the window, allowed are {allowed}: look at \
             `bridge-oracle plan`, and if it is right run `bridge-oracle start --once --allow-removals {wanted}`"
        )
    }
}

/// Budget use, in the governed denomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spending {
    /// Deposits of the last 24 hours.
    #[serde(with = "crate::policy::amount", rename = "spent_last_day")]
    pub spent: u128,
    /// Cost of this round's leases and renewals.
    #[serde(with = "crate::policy::amount")]
    pub this_round: u128,
    /// Maximum within 24 hours.
    #[serde(with = "crate::policy::amount")]
    pub limit: u128,
    /// Cost of all present leases per day.
    #[serde(with = "crate::policy::amount")]
    pub present_per_day: u128,
}
