//! What a round comes to, for those who carry it out and those who read it.

use std::collections::BTreeMap;
use std::fmt;

use sentinel_proto::address::NodeAddress;
use serde::Serialize;

use super::judge::Fault;
use super::{Memory, Step};

/// What one round comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What is to be done, in this order. Empty when halted.
    pub steps: Vec<Step>,
    /// Why nothing is done although something would have to be.
    pub halt: Option<Halt>,
    /// Every node that is registered, linked or leased.
    pub rows: BTreeMap<NodeAddress, Row>,
    /// What it costs.
    pub spending: Spending,
    /// Actions that wait for a later round because this one is full.
    pub deferred: usize,
    /// What the next round is to be given.
    #[serde(skip)]
    pub memory: Memory,
}

/// Where a node stands, and what is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// What follows from that and from its past.
    pub stance: Stance,
    /// Governed plans that link it.
    pub plans: Vec<u64>,
    /// Its lease.
    pub lease: Option<u64>,
    /// When the lease ends, Unix seconds.
    pub lease_ends: Option<u64>,
    /// What keeps it from what its stance asks for.
    pub held: Option<String>,
}

/// What follows from a node's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "stance", rename_all = "snake_case")]
pub enum Stance {
    /// In good standing: belongs into the plans.
    Good,
    /// Linked and faulty, stays until then.
    Grace {
        /// Unix seconds of the hub.
        until: u64,
    },
    /// Removed once, good again, is linked then.
    Waiting {
        /// Unix seconds of the hub.
        until: u64,
    },
    /// Linked or leased, and may not be.
    Remove,
    /// Neither linked nor allowed to be.
    Out,
}

impl fmt::Display for Stance {
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

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "halt", rename_all = "snake_case")]
pub enum Halt {
    /// More nodes would be removed than may be.
    Removals {
        /// Removed within the window, this round included.
        wanted: usize,
        /// May be.
        allowed: usize,
        /// Linked at the beginning of the window, as far as it is known.
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

/// Money, in the governed denomination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spending {
    /// Deposits of the last 24 hours.
    #[serde(with = "crate::policy::amount", rename = "spent_last_day")]
    pub spent: u128,
    /// What this round's leases and renewals take.
    #[serde(with = "crate::policy::amount")]
    pub this_round: u128,
    /// Most within 24 hours.
    #[serde(with = "crate::policy::amount")]
    pub limit: u128,
    /// What a day of all present leases costs.
    #[serde(with = "crate::policy::amount")]
    pub present_per_day: u128,
}
