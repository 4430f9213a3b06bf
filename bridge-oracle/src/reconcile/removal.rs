//! The limit of removals within a window.

use std::collections::BTreeSet;

use sentinel_proto::address::NodeAddress;

use super::report::Halt;
use super::state::ReconcileState;
use crate::policy::Limits;

/// Records the removals of this round, or returns a halt if the window's limit is exceeded. `allow`: number of removals
/// to which the operator consents.
pub(super) fn record_removals(
    state: &mut ReconcileState,
    unlinked: &BTreeSet<NodeAddress>,
    linked: &BTreeSet<NodeAddress>,
    limits: &Limits,
    allow: Option<usize>,
    now: u64,
) -> Option<Halt> {
    let fresh = unlinked.iter().filter(|&node| !state.removals.contains_key(node)).count();
    // A recorded removal that is retried is still among the linked nodes.
    let linked = linked.len() + state.removals.keys().filter(|&node| !linked.contains(node)).count();
    let wanted = state.removals.len() + fresh;
    let part = linked * usize::from(limits.max_removed_percent) / 100;
    let always = usize::try_from(limits.max_removed_always).unwrap_or(usize::MAX);
    let allowed = part.max(always).max(allow.unwrap_or(0));
    if fresh > 0 && wanted > allowed {
        return Some(Halt::Removals { wanted, allowed, linked });
    }
    for node in unlinked {
        state.removals.entry(*node).or_insert(now);
    }
    None
}
