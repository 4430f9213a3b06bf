//! Which actions go together.

use crate::reconcile::Action;

/// Messages in one `MsgExec` by default: beyond 99 the hub does not parse it.
pub const MOST_IN_EXEC: usize = 90;

/// Actions that belong together, in their order: those of one node, of which a later one may need an earlier one.
/// What is about no node is a unit of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) actions: Vec<Action>,
    /// Whether the whole unit is tried as one; a unit that failed is tried action by action.
    pub(super) alone: bool,
}

impl Unit {
    /// Each action for itself, in order.
    pub(super) fn split(self) -> Vec<Self> {
        self.actions.into_iter().map(|action| Self { actions: vec![action], alone: true }).collect()
    }
}

/// The actions as units, ordered by the first action of each.
pub(super) fn units(actions: &[Action]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for action in actions {
        let place = action.node().and_then(|node| places.get(&node).copied());
        if let Some(unit) = place.and_then(|place: usize| units.get_mut(place)) {
            unit.actions.push(action.clone());
            continue;
        }
        if let Some(node) = action.node() {
            places.insert(node, units.len());
        }
        units.push(Unit { actions: vec![action.clone()], alone: false });
    }
    units
}

/// Units by the transaction that they go into, `most` messages in each unless one unit alone has more. What is
/// about no node is not mixed with what comes before or after it: the later may need it.
pub(super) fn transactions(units: Vec<Unit>, most: usize) -> Vec<Vec<Unit>> {
    let mut all: Vec<Vec<Unit>> = Vec::new();
    for unit in units {
        let general = |unit: &Unit| unit.actions.iter().any(|action| action.node().is_none());
        let fits = |batch: &Vec<Unit>| {
            let count: usize = batch.iter().map(|unit| unit.actions.len()).sum();
            count + unit.actions.len() <= most
                && batch.last().is_some_and(|last| general(last) == general(&unit))
        };
        match all.last_mut().filter(|batch| fits(batch)) {
            Some(batch) => batch.push(unit),
            None => all.push(vec![unit]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sentinel_proto::address::NodeAddress;

    use super::*;

    fn link(plan: u64, node: u8) -> Action {
        Action::Link { plan, node: NodeAddress::new([node; 20]) }
    }

    #[test]
    fn one_nodes_actions_stay_together_and_plans_apart() {
        let actions = [link(1, 1), Action::ActivatePlan { plan: 1 }, link(1, 2), link(2, 1), link(2, 2)];
        let units = units(&actions);
        assert_eq!(units[0].actions, [link(1, 1), link(2, 1)]);
        assert_eq!(units[2].actions, [link(1, 2), link(2, 2)]);
        let batches = transactions(units, 90);
        let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_doubled_or_reordered_for_a_node(nodes in prop::collection::vec((0u64..3, 0u8..9), 0..200), most in 1usize..20) {
            let actions: Vec<_> = nodes.iter().map(|(plan, node)| link(*plan, *node)).collect();
            let batches = transactions(units(&actions), most);
            let flat: Vec<_> = batches.iter().flatten().flat_map(|unit| unit.actions.clone()).collect();
            prop_assert_eq!(flat.len(), actions.len());
            for node in 0..9u8 {
                let of = |all: &[Action]| -> Vec<Action> {
                    all.iter().filter(|a| a.node() == Some(NodeAddress::new([node; 20]))).cloned().collect()
                };
                prop_assert_eq!(of(&flat), of(&actions));
            }
            for batch in &batches {
                let count: usize = batch.iter().map(|unit| unit.actions.len()).sum();
                prop_assert!(count <= most || batch.len() == 1);
            }
        }
    }
}
