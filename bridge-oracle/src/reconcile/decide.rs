//! One round.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_proto::address::NodeAddress;

use super::budget::Budget;
use super::judge::{self, Fault};
use super::memory::{Memory, Past};
use super::removal;
use super::report::{Decision, Row, Stance};
use super::{Action, Reason, Step};
use crate::ledger::{LeaseState, Ledger, Price, ProviderState};
use crate::policy::Governed;
use crate::standing::Standings;

/// Everything that a round is decided from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The policy.
    pub governed: &'a Governed,
    /// Ethereum.
    pub standings: &'a Standings,
    /// The hub.
    pub ledger: &'a Ledger,
    /// What earlier rounds left.
    pub memory: &'a Memory,
    /// The operator's word that so many removals within the window are right.
    pub allow_removals: Option<usize>,
}

/// Decides one round.
pub fn reconcile(input: Input<'_>) -> Decision {
    let mut round = Round::new(input);
    round.remove();
    let halt = removal::admit(
        &mut round.memory,
        &round.leaving,
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
    // What does not happen is not remembered.
    for (node, past) in round.removable {
        if halt.is_some() || !round.removing.contains(&node) {
            round.memory.set(node, past);
        }
    }
    let (steps, spending, deferred) = (round.steps, round.budget.spending(), round.deferred);
    Decision { steps, halt, rows: round.rows, spending, deferred, memory: round.memory }
}

struct Round<'a> {
    input: Input<'a>,
    memory: Memory,
    rows: BTreeMap<NodeAddress, Row>,
    /// Nodes that a governed plan links.
    linked: BTreeSet<NodeAddress>,
    /// Those of them that are removed.
    leaving: BTreeSet<NodeAddress>,
    /// Nodes that are to be removed, with their past before that.
    removable: BTreeMap<NodeAddress, Option<Past>>,
    /// Those of them whose removal is among the steps.
    removing: BTreeSet<NodeAddress>,
    budget: Budget<'a>,
    steps: Vec<Step>,
    deferred: usize,
}

impl<'a> Round<'a> {
    fn new(input: Input<'a>) -> Self {
        let Input { governed, standings, ledger, .. } = input;
        let mut memory = input.memory.clone();
        memory.observe(ledger, governed.limits.removal_window.as_secs());
        let budget = Budget::new(&governed.lease, &memory, ledger);
        let linked: BTreeSet<_> = ledger.plans.values().flat_map(|plan| plan.links.iter().copied()).collect();
        let all: BTreeSet<_> =
            standings.nodes.keys().chain(&linked).chain(ledger.leases.keys()).copied().collect();
        let (mut rows, mut removable) = (BTreeMap::new(), BTreeMap::new());
        for node in all {
            let lease = ledger.leases.get(&node);
            let is_linked = linked.contains(&node);
            let present = lease.is_some() || is_linked;
            let past = memory.nodes.get(&node).copied();
            let fault = judge::fault(&node, standings, governed, past.as_ref(), present, is_linked);
            let stance = memory.stance(node, fault.as_ref(), present, ledger.time, &governed.standing);
            if stance == Stance::Remove {
                removable.insert(node, past);
            }
            let plans = ledger.plans.iter().filter(|(_, plan)| plan.links.contains(&node));
            let row = Row {
                fault,
                stance,
                plans: plans.map(|(&id, _)| id).collect(),
                lease: lease.map(|lease| lease.id),
                lease_ends: lease.map(LeaseState::ends),
                held: None,
            };
            rows.insert(node, row);
        }
        Self {
            input,
            memory,
            rows,
            linked,
            leaving: BTreeSet::new(),
            removable,
            removing: BTreeSet::new(),
            budget,
            steps: Vec::new(),
            deferred: 0,
        }
    }

    /// Adds steps that belong together, or none of them when the round is full.
    fn add(&mut self, steps: Vec<Step>) -> bool {
        let fits = self.steps.len() + steps.len() <= self.input.governed.limits.max_actions;
        if fits {
            self.steps.extend(steps);
        } else {
            self.deferred += steps.len();
        }
        fits
    }

    fn nodes(&self, stance: impl Fn(Stance) -> bool) -> Vec<NodeAddress> {
        self.rows.iter().filter(|(_, row)| stance(row.stance)).map(|(&node, _)| node).collect()
    }

    fn hold(&mut self, node: NodeAddress, why: impl Into<String>) {
        if let Some(row) = self.rows.get_mut(&node) {
            row.held.get_or_insert(why.into());
        }
    }

    /// Unlinks before anything else; those who did wrong before those who grew weak.
    fn remove(&mut self) {
        let mut nodes = self.nodes(|stance| stance == Stance::Remove);
        nodes.sort_by_key(|node| self.rows[node].fault.as_ref().is_some_and(Fault::has_grace));
        for node in nodes {
            let row = &self.rows[&node];
            let why = row.fault.as_ref().map_or_else(String::new, ToString::to_string);
            let unlinks = row.plans.iter().map(|&plan| Action::Unlink { plan, node });
            // Ending the lease would unlink as well; but should it fail, the node must be out all the same.
            let end = row.lease.map(|lease| Action::EndLease { lease, node });
            let steps = unlinks.chain(end).map(|action| step(action, why.clone())).collect();
            if self.add(steps) {
                self.removing.insert(node);
                if self.linked.contains(&node) {
                    self.leaving.insert(node);
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

    /// Leases that end soon, the earliest first: who serves goes before who would like to. Those that the hub renews
    /// at their end are left to it.
    fn renew(&mut self) {
        let ledger = self.input.ledger;
        let soon = ledger.time.saturating_add(self.input.governed.lease.renew_before.as_secs());
        let mut due: Vec<_> = ledger.leases.iter().filter(|(_, lease)| lease.ends() <= soon).collect();
        due.sort_by_key(|(node, lease)| (lease.ends(), **node));
        for (&node, lease) in due {
            if matches!(self.rows[&node].stance, Stance::Good | Stance::Grace { .. }) {
                self.renew_one(node, lease);
            }
        }
    }

    fn renew_one(&mut self, node: NodeAddress, lease: &LeaseState) {
        let ledger = self.input.ledger;
        let provider = ledger.provider == ProviderState::Active;
        let price = if provider {
            self.budget.price(ledger.nodes.get(&node))
        } else {
            Err("the provider is not active on the hub".to_owned())
        };
        let renewal = |renews| Action::SetRenewal { lease: lease.id, node, renews };
        let hours = self.input.governed.lease.hours;
        // At its end it costs nothing twice: an hour that has begun is not refunded.
        let by_the_hub = |price: &Price| price.within(&lease.price) && lease.hours == hours;
        let taken = price.and_then(|price| {
            let by_the_hub = by_the_hub(&price);
            let taken = if by_the_hub { self.budget.set_aside(price) } else { self.budget.take(price) };
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
                    self.budget.put_back(max_price);
                }
            }
            Err(why) => {
                // Left alone, the hub would renew it and spend what may not be spent.
                if lease.renews {
                    self.add(vec![step(renewal(false), why.clone())]);
                }
                self.hold(node, format!("lease is not renewed: {why}"));
            }
        }
    }

    /// Links for nodes that are leased.
    fn link(&mut self) {
        for node in self.nodes(|stance| stance == Stance::Good) {
            if self.input.ledger.leases.contains_key(&node) {
                self.link_one(node, None);
            }
        }
    }

    /// Leases and links for nodes that are not leased, the longest registered first.
    fn lease(&mut self) {
        let Input { governed, standings, ledger, .. } = self.input;
        let mut nodes = self.nodes(|stance| stance == Stance::Good);
        nodes.retain(|node| !ledger.leases.contains_key(node));
        nodes.sort_by_key(|node| (standings.nodes.get(node).map(|standing| standing.since), *node));
        for node in nodes {
            let price = self.may_start(node);
            match price.and_then(|price| self.budget.take(price).map(|()| price)) {
                Ok(max_price) => {
                    let lease = Action::StartLease { node, hours: governed.lease.hours, max_price };
                    if !self.link_one(node, Some(lease)) {
                        self.budget.put_back(max_price);
                    }
                }
                Err(why) => self.hold(node, why),
            }
        }
    }

    fn may_start(&self, node: NodeAddress) -> Result<Price, String> {
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

    /// Links `node` to every plan that lacks it, after `lease`.
    fn link_one(&mut self, node: NodeAddress, lease: Option<Action>) -> bool {
        let lacking = self.input.ledger.plans.iter().filter(|(_, plan)| !plan.links.contains(&node));
        let links = lacking.map(|(&plan, _)| Action::Link { plan, node });
        let actions = lease.into_iter().chain(links);
        let steps: Vec<_> = actions.map(|action| step(action, "in good standing on Ethereum")).collect();
        if !steps.is_empty() && self.input.standings.parameters.paused {
            self.hold(node, "paused on Ethereum");
            return false;
        }
        self.add(steps)
    }
}

fn step(action: Action, why: impl Into<String>) -> Step {
    Step { action, reason: Reason(why.into()) }
}
