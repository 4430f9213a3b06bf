//! Confirms the effects of executed actions by queries.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sentinel_proto::hub::AtHeight;
use sentinel_proto::wire::sentinel::types::v1::{RenewalPricePolicy, Status};

use super::authz::AuthzSender;
use super::{SubmitError, SubmitOutcome};
use crate::failpoint::{Failpoint, hit, hit_after};
use crate::reconcile::Action;

/// State of the hub after a round, limited to what the round touched.
#[derive(Default)]
struct HubFacts {
    links: BTreeMap<u64, BTreeSet<String>>,
    /// Node and renewal policy by lease.
    leases: BTreeMap<u64, (String, i32)>,
    active: BTreeMap<u64, bool>,
}

impl AuthzSender {
    /// Moves executed actions without effect to the refused ones. A later action of the round may undo an earlier one:
    /// only the last action on a subject is checked.
    pub(super) async fn confirm(&self, outcome: &mut SubmitOutcome) -> Result<(), SubmitError> {
        if outcome.done.is_empty() {
            return Ok(());
        }
        hit(Failpoint::EffectsPending);
        let facts = self.facts(&outcome.done, outcome.height).await?;
        let mut seen_subjects = BTreeSet::new();
        let mut done = Vec::with_capacity(outcome.done.len());
        for action in std::mem::take(&mut outcome.done).into_iter().rev() {
            let last = seen_subjects.insert(subject(&action));
            if !last || facts.reflects(&action) {
                done.push(action);
            } else {
                outcome.refused.push((action, "executed, but the hub shows no effect".to_owned()));
            }
        }
        done.reverse();
        outcome.done = done;
        Ok(())
    }

    async fn facts(&self, actions: &[Action], height: u64) -> Result<HubFacts, SubmitError> {
        let mut facts = HubFacts::default();
        let (mut linked, mut activated, mut leased) = (BTreeSet::new(), BTreeSet::new(), false);
        for action in actions {
            match action {
                Action::Link { plan, .. } | Action::Unlink { plan, .. } => _ = linked.insert(*plan),
                Action::ActivatePlan { plan } => _ = activated.insert(*plan),
                _ => leased = true,
            }
        }
        let begin = Instant::now();
        for plan in linked {
            let nodes = loop {
                let seen = hit_after(Failpoint::LinksRead, self.hub.nodes_for_plan_at_height(plan)).await?;
                if self.is_fresh(&seen, height, begin).await? {
                    break seen.value;
                }
            };
            facts.links.insert(plan, nodes.into_iter().map(|node| node.address).collect());
        }
        if leased {
            let leases = loop {
                let provider = &self.settings.provider;
                let seen = hit_after(Failpoint::LeasesRead, self.hub.leases_for_provider_at_height(provider))
                    .await?;
                if self.is_fresh(&seen, height, begin).await? {
                    break seen.value;
                }
            };
            let known = leases.into_iter().map(|l| (l.id, (l.node_address, l.renewal_price_policy)));
            facts.leases = known.collect();
        }
        for plan in activated {
            let status = hit_after(Failpoint::PlansRead, self.hub.plan(plan)).await?.map(|plan| plan.status);
            facts.active.insert(plan, status == Some(Status::Active.into()));
        }
        Ok(facts)
    }

    /// Returns whether an answer is at least of this height; waits one poll interval if it is not.
    async fn is_fresh<T: Sync>(
        &self,
        seen: &AtHeight<T>,
        height: u64,
        begin: Instant,
    ) -> Result<bool, SubmitError> {
        if seen.height.is_none_or(|at| at >= height) {
            return Ok(true);
        }
        if begin.elapsed() > self.settings.confirm_timeout {
            return Err(SubmitError::Unconfirmed);
        }
        tokio::time::sleep(self.settings.poll_interval).await;
        Ok(false)
    }
}

impl HubFacts {
    fn reflects(&self, action: &Action) -> bool {
        let linked = |plan, node: &dyn ToString| {
            self.links.get(plan).is_some_and(|links| links.contains(&node.to_string()))
        };
        match action {
            Action::ActivatePlan { plan } => self.active.get(plan) == Some(&true),
            Action::Link { plan, node } => linked(plan, node),
            Action::Unlink { plan, node } => !linked(plan, node),
            Action::StartLease { node, .. } => {
                let node = node.to_string();
                self.leases.values().any(|(leased, _)| *leased == node)
            }
            Action::RenewLease { lease, .. } => self.leases.contains_key(lease),
            Action::EndLease { lease, .. } => !self.leases.contains_key(lease),
            Action::SetRenewal { lease, renews, .. } => {
                let unspecified = i32::from(RenewalPricePolicy::Unspecified);
                self.leases.get(lease).is_some_and(|(_, policy)| (*policy != unspecified) == *renews)
            }
        }
    }
}

/// Returns the subject of an action.
fn subject(action: &Action) -> (u8, u64, Option<sentinel_proto::address::NodeAddress>) {
    match action {
        Action::ActivatePlan { plan } => (0, *plan, None),
        Action::Link { plan, node } | Action::Unlink { plan, node } => (1, *plan, Some(*node)),
        Action::StartLease { node, .. }
        | Action::RenewLease { node, .. }
        | Action::SetRenewal { node, .. }
        | Action::EndLease { node, .. } => (2, 0, Some(*node)),
    }
}
