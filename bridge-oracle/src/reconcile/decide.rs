//! Decision of one round.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_proto::address::NodeAddress;

use super::budget::Budget;
use super::fault::{self, Fault};
use super::removal;
use super::report::{Decision, NodeReport, NodeStatus};
use super::state::{NodeHistory, ReconcileState};
use super::{Action, Reason, Step};
use crate::ledger::{LeaseState, Ledger, Price, ProviderState};
use crate::policy::Governed;
use crate::standing::Standings;

/// Inputs of a decision.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileInput<'a> {
    /// The policy.
    pub governed: &'a Governed,
    /// Standing on Ethereum.
    pub standings: &'a Standings,
    /// State of the hub.
    pub ledger: &'a Ledger,
    /// State from earlier rounds.
    pub state: &'a ReconcileState,
    /// Removals within the window to which the operator consents.
    pub allow_removals: Option<usize>,
}

/// Decides one round.
pub fn reconcile(input: ReconcileInput<'_>) -> Decision {
    let mut round = RoundPlanner::new(input);
    round.remove();
    let halt = removal::record_removals(
        &mut round.state,
        &round.unlinked,
        &round.linked,
        &input.governed.limits,
        input.allow_removals,
        input.ledger.time,
    );
    if halt.is_none() {
        round.activate();
        round.renew();
        round.link();
        round.lease();
    } else {
        round.steps.clear();
    }
    // A removal that does not happen is not recorded.
    for (node, past) in round.removal_candidates {
        if halt.is_some() || !round.removed.contains(&node) {
            round.state.set(node, past);
        }
    }
    let (steps, spending, deferred) = (round.steps, round.budget.spending(), round.deferred);
    Decision { steps, halt, rows: round.rows, spending, deferred, next_state: round.state }
}

struct RoundPlanner<'a> {
    input: ReconcileInput<'a>,
    state: ReconcileState,
    rows: BTreeMap<NodeAddress, NodeReport>,
    /// Nodes that a governed plan links.
    linked: BTreeSet<NodeAddress>,
    /// Linked nodes that this round unlinks.
    unlinked: BTreeSet<NodeAddress>,
    /// Nodes to remove, with their history before this round.
    removal_candidates: BTreeMap<NodeAddress, Option<NodeHistory>>,
    /// Nodes of `removal_candidates` with a removal among the steps.
    removed: BTreeSet<NodeAddress>,
    budget: Budget<'a>,
    steps: Vec<Step>,
    deferred: usize,
}

impl<'a> RoundPlanner<'a> {
    fn new(input: ReconcileInput<'a>) -> Self {
        let ReconcileInput { governed, standings, ledger, .. } = input;
        let mut state = input.state.clone();
        state.record_ledger(ledger, governed.limits.removal_window.as_secs());
        let budget = Budget::new(&governed.lease, &state, ledger);
        let linked: BTreeSet<_> = ledger.plans.values().flat_map(|plan| plan.links.iter().copied()).collect();
        let all: BTreeSet<_> =
            standings.nodes.keys().chain(&linked).chain(ledger.leases.keys()).copied().collect();
        let (mut rows, mut removal_candidates) = (BTreeMap::new(), BTreeMap::new());
        for node in all {
            let lease = ledger.leases.get(&node);
            let is_linked = linked.contains(&node);
            let present = lease.is_some() || is_linked;
            let past = state.nodes.get(&node).copied();
            let fault = fault::find_fault(&node, standings, governed, past.as_ref(), present, is_linked);
            let status = state.advance_node(node, fault.as_ref(), present, ledger.time, &governed.standing);
            if status == NodeStatus::Remove {
                removal_candidates.insert(node, past);
            }
            let plans = ledger.plans.iter().filter(|(_, plan)| plan.links.contains(&node));
            let row = NodeReport {
                fault,
                status,
                plans: plans.map(|(&id, _)| id).collect(),
                lease: lease.map(|lease| lease.id),
                lease_ends: lease.map(LeaseState::ends),
                held: None,
            };
            rows.insert(node, row);
        }
        Self {
            input,
            state,
            rows,
            linked,
            unlinked: BTreeSet::new(),
            removal_candidates,
            removed: BTreeSet::new(),
            budget,
            steps: Vec::new(),
            deferred: 0,
        }
    }

    /// Adds steps that belong together, or none of them if the round is full.
    fn add(&mut self, steps: Vec<Step>) -> bool {
        let fits = self.steps.len() + steps.len() <= self.input.governed.limits.max_actions;
        if fits {
            self.steps.extend(steps);
        } else {
            self.deferred += steps.len();
        }
        fits
    }

    fn nodes(&self, status: impl Fn(NodeStatus) -> bool) -> Vec<NodeAddress> {
        self.rows.iter().filter(|(_, row)| status(row.status)).map(|(&node, _)| node).collect()
    }

    fn hold_back(&mut self, node: NodeAddress, why: impl Into<String>) {
        if let Some(row) = self.rows.get_mut(&node) {
            row.held.get_or_insert(why.into());
        }
    }

    /// Adds removals, before all other steps; faults without grace come first.
    fn remove(&mut self) {
        let mut nodes = self.nodes(|status| status == NodeStatus::Remove);
        nodes.sort_by_key(|node| self.rows[node].fault.as_ref().is_some_and(Fault::has_grace));
        for node in nodes {
            let row = &self.rows[&node];
            let why = row.fault.as_ref().map_or_else(String::new, ToString::to_string);
            let unlinks = row.plans.iter().map(|&plan| Action::Unlink { plan, node });
            // Ending the lease also unlinks; the explicit unlink removes the node even if ending the lease fails.
            let end = row.lease.map(|lease| Action::EndLease { lease, node });
            let steps = unlinks.chain(end).map(|action| step(action, why.clone())).collect();
            if self.add(steps) {
                self.removed.insert(node);
                if self.linked.contains(&node) {
                    self.unlinked.insert(node);
                }
            }
        }
    }

    fn activate(&mut self) {
        if self.input.ledger.provider != ProviderState::Active || self.input.standings.parameters.paused {
            return;
        }
        for (&plan, state) in &self.input.ledger.plans {
            if !state.active {
                self.add(vec![step(Action::ActivatePlan { plan }, "governed and inactive")]);
            }
        }
    }

    /// Renews leases that end soon, the earliest first: serving nodes come before new ones. Leases that the hub renews
    /// at their end are left to it.
    fn renew(&mut self) {
        let ledger = self.input.ledger;
        let soon = ledger.time.saturating_add(self.input.governed.lease.renew_before.as_secs());
        let mut due: Vec<_> = ledger.leases.iter().filter(|(_, lease)| lease.ends() <= soon).collect();
        due.sort_by_key(|(node, lease)| (lease.ends(), **node));
        for (&node, lease) in due {
            if matches!(self.rows[&node].status, NodeStatus::Good | NodeStatus::Grace { .. }) {
                self.renew_lease(node, lease);
            }
        }
    }

    fn renew_lease(&mut self, node: NodeAddress, lease: &LeaseState) {
        let ledger = self.input.ledger;
        let provider = ledger.provider == ProviderState::Active;
        let price = if provider {
            self.budget.price(ledger.nodes.get(&node))
        } else {
            Err("the provider is not active on the hub".to_owned())
        };
        let renewal = |renews| Action::SetRenewal { lease: lease.id, node, renews };
        let hours = self.input.governed.lease.hours;
        // Renewal at the end pays no hour twice: a started hour is not refunded.
        let by_the_hub = |price: &Price| price.within(&lease.price) && lease.hours == hours;
        let taken = price.and_then(|price| {
            let by_the_hub = by_the_hub(&price);
            let taken =
                if by_the_hub { self.budget.reserve_for_hub(price) } else { self.budget.reserve(price) };
            taken.map(|()| (price, by_the_hub))
        });
        match taken {
            Ok((max_price, by_the_hub)) => {
                let first = (!lease.always).then(|| renewal(true));
                let renew = Action::RenewLease { lease: lease.id, node, hours, max_price };
                let actions = first.into_iter().chain((!by_the_hub).then_some(renew));
                let why = format!("ends at {}", lease.ends());
                let steps = actions.map(|action| step(action, why.clone())).collect();
                if !self.add(steps) && !by_the_hub {
                    self.budget.release(max_price);
                }
            }
            Err(why) => {
                // Otherwise the hub would renew the lease and spend more than allowed.
                if lease.renews {
                    self.add(vec![step(renewal(false), why.clone())]);
                }
                self.hold_back(node, format!("lease is not renewed: {why}"));
            }
        }
    }

    /// Adds links for leased nodes.
    fn link(&mut self) {
        for node in self.nodes(|status| status == NodeStatus::Good) {
            if self.input.ledger.leases.contains_key(&node) {
                self.link_node(node, None);
            }
        }
    }

    /// Adds leases and links for nodes without a lease, the longest registered first.
    fn lease(&mut self) {
        let ReconcileInput { governed, standings, ledger, .. } = self.input;
        let mut nodes = self.nodes(|status| status == NodeStatus::Good);
        nodes.retain(|node| !ledger.leases.contains_key(node));
        nodes.sort_by_key(|node| (standings.nodes.get(node).map(|standing| standing.since), *node));
        for node in nodes {
            let price = self.lease_price(node);
            match price.and_then(|price| self.budget.reserve(price).map(|()| price)) {
                Ok(max_price) => {
                    let lease = Action::StartLease { node, hours: governed.lease.hours, max_price };
                    if !self.link_node(node, Some(lease)) {
                        self.budget.release(max_price);
                    }
                }
                Err(why) => self.hold_back(node, why),
            }
        }
    }

    fn lease_price(&self, node: NodeAddress) -> Result<Price, String> {
        let ledger = self.input.ledger;
        if ledger.provider != ProviderState::Active {
            return Err("the provider is not active on the hub".to_owned());
        }
        if ledger.plans.is_empty() {
            return Err("no governed plan is on the hub".to_owned());
        }
        if self.input.standings.parameters.paused {
            return Err("paused on Ethereum".to_owned());
        }
        self.budget.price(ledger.nodes.get(&node))
    }

    /// Links `node` to every plan that lacks it, after `lease`. Returns false if nothing was added.
    fn link_node(&mut self, node: NodeAddress, lease: Option<Action>) -> bool {
        let lacking = self.input.ledger.plans.iter().filter(|(_, plan)| !plan.links.contains(&node));
        let links = lacking.map(|(&plan, _)| Action::Link { plan, node });
        let actions = lease.into_iter().chain(links);
        let steps: Vec<_> = actions.map(|action| step(action, "in good standing on Ethereum")).collect();
        if !steps.is_empty() && self.input.standings.parameters.paused {
            self.hold_back(node, "paused on Ethereum");
            return false;
        }
        self.add(steps)
    }
}

fn step(action: Action, why: impl Into<String>) -> Step {
    Step { action, reason: Reason(why.into()) }
}
