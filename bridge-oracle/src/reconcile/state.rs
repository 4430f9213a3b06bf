//! State between rounds, in addition to the two chains. Losing it delays actions and is never unsafe: grace periods
//! start again, and deposits are recovered from the present leases.

use std::collections::BTreeMap;

use sentinel_proto::address::NodeAddress;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::report::NodeStatus;
use crate::ledger::{LeaseState, Ledger};
use crate::policy::Standing;

const DAY_SECS: u64 = 24 * 3600;
/// Maximum time by which a lease may start after the ledger's time: leases are read a moment later.
const MAX_START_LEAD_SECS: u64 = 3600;
/// Time after which the removal of a node is forgotten.
const HISTORY_RETENTION_SECS: u64 = 31 * DAY_SECS;

/// State between rounds. Times are Unix seconds of the hub's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileState {
    /// Nodes with a history; a node without one is either good or out.
    pub nodes: BTreeMap<NodeAddress, NodeHistory>,
    /// Nodes removed from the plans, with the time: for the removal limit.
    pub removals: BTreeMap<NodeAddress, u64>,
    /// Deposits of the last 24 hours.
    pub deposits: Vec<Deposit>,
}

/// History of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "past", rename_all = "snake_case")]
pub enum NodeHistory {
    /// Linked with a score below the minimum.
    Grace {
        /// First observation.
        since: u64,
    },
    /// Removed for a fault, or the removal was requested; the fault was still there at `at`.
    Removed {
        /// Last observation.
        at: u64,
    },
    /// Removed before, in good standing again.
    Recovering {
        /// First observation.
        since: u64,
    },
}

/// Deposit for starting or renewing a lease. Lease and start identify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// The lease.
    pub lease: u64,
    /// Start or renewal of the lease.
    pub start: u64,
    /// Amount of the deposit.
    #[serde(with = "crate::policy::amount")]
    pub amount: u128,
}

impl ReconcileState {
    /// Records what the hub shows at its time, and drops expired entries.
    pub(super) fn record_ledger(&mut self, ledger: &Ledger, removal_window: u64) {
        let now = ledger.time;
        self.clamp_future_times(now);
        for lease in ledger.leases.values().filter(|lease| lease.start.saturating_add(DAY_SECS) > now) {
            let known = |deposit: &Deposit| (deposit.lease, deposit.start) == (lease.id, lease.start);
            if !self.deposits.iter().any(known) {
                self.deposits.push(Deposit { lease: lease.id, start: lease.start, amount: deposit(lease) });
            }
        }
        self.deposits.retain(|deposit| deposit.start.saturating_add(DAY_SECS) > now);
        self.removals.retain(|_, at| at.saturating_add(removal_window) > now);
        self.nodes
            .retain(|_, past| !matches!(past, NodeHistory::Removed { at } if at.saturating_add(HISTORY_RETENTION_SECS) <= now));
    }

    /// Clamps future times to `now`: entries from a hub with a clock ahead would otherwise hold for that long.
    fn clamp_future_times(&mut self, now: u64) {
        for past in self.nodes.values_mut() {
            let (NodeHistory::Grace { since: at }
            | NodeHistory::Removed { at }
            | NodeHistory::Recovering { since: at }) = past;
            *at = now.min(*at);
        }
        for at in self.removals.values_mut() {
            *at = now.min(*at);
        }
        // Deposits are identified by their start; a lease that still exists is recorded again.
        self.deposits.retain(|deposit| deposit.start <= now.saturating_add(MAX_START_LEAD_SECS));
    }

    /// Deposits of the last 24 hours.
    pub(super) fn spent(&self) -> u128 {
        self.deposits.iter().fold(0, |sum, deposit| sum.saturating_add(deposit.amount))
    }

    /// Advances `node` by one round. `present`: the node is linked or leased.
    pub(super) fn advance_node(
        &mut self,
        node: NodeAddress,
        fault: Option<&Fault>,
        present: bool,
        now: u64,
        policy: &Standing,
    ) -> NodeStatus {
        let (status, past) = advance(self.nodes.get(&node).copied(), fault, present, now, policy);
        self.set(node, past);
        status
    }

    /// Replaces the history of `node`.
    pub(super) fn set(&mut self, node: NodeAddress, past: Option<NodeHistory>) {
        match past {
            Some(past) => self.nodes.insert(node, past),
            None => self.nodes.remove(&node),
        };
    }
}

fn deposit(lease: &LeaseState) -> u128 {
    lease.price.quote.saturating_mul(lease.hours.into())
}

fn advance(
    past: Option<NodeHistory>,
    fault: Option<&Fault>,
    present: bool,
    now: u64,
    policy: &Standing,
) -> (NodeStatus, Option<NodeHistory>) {
    let removed = Some(NodeHistory::Removed { at: now });
    match (fault, past) {
        (None, None | Some(NodeHistory::Grace { .. })) => (NodeStatus::Good, None),
        // The removal did not happen, or the node is linked again.
        (None, Some(_)) if present => (NodeStatus::Good, None),
        (None, Some(past)) => {
            let since = if let NodeHistory::Recovering { since } = past { since } else { now };
            let until = since.saturating_add(policy.min_dwell.as_secs());
            let status = if now >= until { NodeStatus::Good } else { NodeStatus::Waiting { until } };
            (status, Some(NodeHistory::Recovering { since }))
        }
        // A node that was never linked leaves no history.
        (Some(_), past) if !present => (NodeStatus::Out, past.and(removed)),
        (Some(fault), past) if fault.has_grace() && !matches!(past, Some(NodeHistory::Removed { .. })) => {
            let since = if let Some(NodeHistory::Grace { since }) = past { since } else { now };
            let until = since.saturating_add(policy.score_grace.as_secs());
            if now >= until {
                (NodeStatus::Remove, removed)
            } else {
                (NodeStatus::Grace { until }, Some(NodeHistory::Grace { since }))
            }
        }
        (Some(_), _) => (NodeStatus::Remove, removed),
    }
}
