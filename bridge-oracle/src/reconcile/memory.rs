//! What decisions rest on besides the two chains. Small, and losing it loses patience, never safety: grace periods
//! start anew, and what was spent is seen from the leases that are there.

use std::collections::BTreeMap;

use sentinel_proto::address::NodeAddress;
use serde::{Deserialize, Serialize};

use super::judge::Fault;
use super::report::Stance;
use crate::ledger::{LeaseState, Ledger};
use crate::policy::Standing;

const DAY: u64 = 24 * 3600;
/// So much may a lease have started after the time of the ledger: its leases are read a moment later.
const AHEAD: u64 = 3600;
/// After so long nobody remembers why a node was removed.
const FORGET: u64 = 31 * DAY;

/// What is remembered between rounds. Times are the hub's, Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// Nodes with a past; a node without one is simply good or simply out.
    pub nodes: BTreeMap<NodeAddress, Past>,
    /// Nodes that were removed from the plans, and when: for the limit.
    pub removals: BTreeMap<NodeAddress, u64>,
    /// Deposits of the last 24 hours.
    pub deposits: Vec<Deposit>,
}

/// The past of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "past", rename_all = "snake_case")]
pub enum Past {
    /// Linked, with too low a score since then.
    Grace {
        /// When it was seen first.
        since: u64,
    },
    /// Removed for a fault, or told the hub to; it still had it then.
    Removed {
        /// When it was seen last.
        at: u64,
    },
    /// Removed once, in good standing since then.
    Recovering {
        /// When it was seen first.
        since: u64,
    },
}

/// What starting or renewing a lease took. Leases are told apart by number and start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// The lease.
    pub lease: u64,
    /// When it started or was renewed.
    pub start: u64,
    /// How much.
    #[serde(with = "crate::policy::amount")]
    pub amount: u128,
}

impl Memory {
    /// Notes what the hub shows at its time, and forgets what is too old to count.
    pub(super) fn observe(&mut self, ledger: &Ledger, removal_window: u64) {
        let now = ledger.time;
        self.bring_back(now);
        for lease in ledger.leases.values().filter(|lease| lease.start.saturating_add(DAY) > now) {
            let known = |deposit: &Deposit| (deposit.lease, deposit.start) == (lease.id, lease.start);
            if !self.deposits.iter().any(known) {
                self.deposits.push(Deposit { lease: lease.id, start: lease.start, amount: deposit(lease) });
            }
        }
        self.deposits.retain(|deposit| deposit.start.saturating_add(DAY) > now);
        self.removals.retain(|_, at| at.saturating_add(removal_window) > now);
        self.nodes
            .retain(|_, past| !matches!(past, Past::Removed { at } if at.saturating_add(FORGET) <= now));
    }

    /// What is noted for a time to come, by a hub whose clock was ahead, would hold for as long: it becomes `now`.
    fn bring_back(&mut self, now: u64) {
        for past in self.nodes.values_mut() {
            let (Past::Grace { since: at } | Past::Removed { at } | Past::Recovering { since: at }) = past;
            *at = now.min(*at);
        }
        for at in self.removals.values_mut() {
            *at = now.min(*at);
        }
        // Known by its start; one that is still there is noted anew.
        self.deposits.retain(|deposit| deposit.start <= now.saturating_add(AHEAD));
    }

    /// Deposits of the last 24 hours.
    pub(super) fn spent(&self) -> u128 {
        self.deposits.iter().fold(0, |sum, deposit| sum.saturating_add(deposit.amount))
    }

    /// Moves `node` one round on. `present`: it is linked or leased.
    pub(super) fn stance(
        &mut self,
        node: NodeAddress,
        fault: Option<&Fault>,
        present: bool,
        now: u64,
        policy: &Standing,
    ) -> Stance {
        let (stance, past) = advance(self.nodes.get(&node).copied(), fault, present, now, policy);
        self.set(node, past);
        stance
    }

    /// Replaces what is known of `node`.
    pub(super) fn set(&mut self, node: NodeAddress, past: Option<Past>) {
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
    past: Option<Past>,
    fault: Option<&Fault>,
    present: bool,
    now: u64,
    policy: &Standing,
) -> (Stance, Option<Past>) {
    let removed = Some(Past::Removed { at: now });
    match (fault, past) {
        (None, None | Some(Past::Grace { .. })) => (Stance::Good, None),
        // Its removal never happened, or it is back.
        (None, Some(_)) if present => (Stance::Good, None),
        (None, Some(past)) => {
            let since = if let Past::Recovering { since } = past { since } else { now };
            let until = since.saturating_add(policy.min_dwell.as_secs());
            let stance = if now >= until { Stance::Good } else { Stance::Waiting { until } };
            (stance, Some(Past::Recovering { since }))
        }
        // What was never in leaves no trace.
        (Some(_), past) if !present => (Stance::Out, past.and(removed)),
        (Some(fault), past) if fault.has_grace() && !matches!(past, Some(Past::Removed { .. })) => {
            let since = if let Some(Past::Grace { since }) = past { since } else { now };
            let until = since.saturating_add(policy.score_grace.as_secs());
            if now >= until {
                (Stance::Remove, removed)
            } else {
                (Stance::Grace { until }, Some(Past::Grace { since }))
            }
        }
        (Some(_), _) => (Stance::Remove, removed),
    }
}
