//! Checks between keys. Reports all problems at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Governed;

/// One problem of one key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Invalid {
    /// The key.
    pub key: &'static str,
    /// The problem and the allowed values.
    pub problem: &'static str,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
const MAX_SCORE: u16 = 1000;
/// Bound of lists: a person must be able to read the canonical form before approving it.
const MAX_LIST_ENTRIES: usize = 1000;

impl Governed {
    /// Returns every problem of this configuration.
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut unless = |good: bool, key, problem| {
            if !good {
                problems.push(Invalid { key, problem });
            }
        };
        let (ethereum, hub, standing) = (&self.ethereum, &self.hub, &self.standing);
        let (limits, lease) = (&self.limits, &self.lease);
        unless(self.version == 1, "version", "must be 1");
        unless(!ethereum.node_registry.is_zero(), "ethereum.node_registry", "give the contract's address");
        unless(
            !ethereum.parameter_registry.is_zero(),
            "ethereum.parameter_registry",
            "give the contract's address",
        );
        unless((1..=16).contains(&ethereum.quorum), "ethereum.quorum", "must be between 1 and 16");
        unless(
            (Duration::from_secs(1)..=DAY).contains(&ethereum.max_age),
            "ethereum.max_age",
            "must be between 1s and 1day",
        );
        unless(!hub.chain_id.is_empty(), "hub.chain_id", "give the chain id");
        unless(unique(&hub.plans), "hub.plans", "give each plan once, and 1 to 16 of them");
        unless(hub.plans.len() <= 16 && !hub.plans.contains(&0), "hub.plans", "give 1 to 16 plans above 0");
        unless(unique(&hub.members), "hub.members", "give each member once, and at least one");
        unless(hub.members.len() <= MAX_LIST_ENTRIES, "hub.members", "too many");
        unless(standing.min_score <= MAX_SCORE, "standing.min_score", "must be between 0 and 1000");
        unless(standing.score_margin <= MAX_SCORE, "standing.score_margin", "must be between 0 and 1000");
        unless(standing.score_grace <= MONTH, "standing.score_grace", "must be at most a month");
        unless(standing.min_dwell <= MONTH, "standing.min_dwell", "must be at most a month");
        unless(
            (standing.blacklist.is_empty() || unique(&standing.blacklist))
                && standing.blacklist.len() <= MAX_LIST_ENTRIES,
            "standing.blacklist",
            "give each node once, and at most 1000",
        );
        unless(limits.max_removed_percent <= 100, "limits.max_removed_percent", "must be between 0 and 100");
        unless(limits.removal_window <= DAY, "limits.removal_window", "must be at most a day");
        // A lease and its links must fit into one round.
        unless(
            limits.max_actions >= hub.plans.len() + 2,
            "limits.max_actions",
            "must be at least the number of plans and two",
        );
        unless(!lease.denom.is_empty(), "lease.denom", "give the denomination");
        unless((1..=8760).contains(&lease.hours), "lease.hours", "must be between 1 and 8760");
        unless(
            lease.renew_before.as_secs() < u64::from(lease.hours) * 3600,
            "lease.renew_before",
            "must be less than lease.hours",
        );
        unless(self.approval.grace <= DAY, "approval.grace", "must be at most a day");
        problems
    }
}

fn unique<T: Ord>(items: &[T]) -> bool {
    !items.is_empty() && items.iter().collect::<BTreeSet<_>>().len() == items.len()
}
