//! How many nodes may leave the plans at once.

use std::collections::BTreeSet;

use sentinel_proto::address::NodeAddress;

use super::memory::Memory;
use super::report::Halt;
use crate::policy::Limits;

/// Notes the removals of this round, unless they are too many within the window. `allow`: so many are fine this once.
pub(super) fn admit(
    memory: &mut Memory,
    leaving: &BTreeSet<NodeAddress>,
    linked: &BTreeSet<NodeAddress>,
    limits: &Limits,
    allow: Option<usize>,
    now: u64,
) -> Option<Halt> {
    let fresh = leaving.iter().filter(|&node| !memory.removals.contains_key(node)).count();
    // A removal that was noted and is tried again is among the linked still.
    let linked = linked.len() + memory.removals.keys().filter(|&node| !linked.contains(node)).count();
    let wanted = memory.removals.len() + fresh;
    let part = linked * usize::from(limits.max_removed_percent) / 100;
    let always = usize::try_from(limits.max_removed_always).unwrap_or(usize::MAX);
    let allowed = part.max(always).max(allow.unwrap_or(0));
    if fresh > 0 && wanted > allowed {
        return Some(Halt::Removals { wanted, allowed, linked });
    }
    for node in leaving {
        memory.removals.entry(*node).or_insert(now);
    }
    None
}
