//! Groups actions into transactions.

use crate::reconcile::Action;

/// Default maximum of messages in one `MsgExec`: the hub does not parse more than 99.
pub const MAX_EXEC_MESSAGES: usize = 90;

/// Ordered actions of one node, of which a later one may need an earlier one. An action without a node is a group of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ActionGroup {
    pub(super) actions: Vec<Action>,
    /// Whether the group is one action of a failed group, tried separately.
    pub(super) is_single: bool,
}

impl ActionGroup {
    /// Splits the group into single actions, in order.
    pub(super) fn split(self) -> Vec<Self> {
        self.actions.into_iter().map(|action| Self { actions: vec![action], is_single: true }).collect()
    }
}

/// Groups the actions by node, ordered by the first action of each group.
pub(super) fn group_actions(actions: &[Action]) -> Vec<ActionGroup> {
    let mut units: Vec<ActionGroup> = Vec::new();
    let mut index_by_node = std::collections::HashMap::new();
    for action in actions {
        let index = action.node().and_then(|node| index_by_node.get(&node).copied());
        if let Some(unit) = index.and_then(|index: usize| units.get_mut(index)) {
            unit.actions.push(action.clone());
            continue;
        }
        if let Some(node) = action.node() {
            index_by_node.insert(node, units.len());
        }
        units.push(ActionGroup { actions: vec![action.clone()], is_single: false });
    }
    units
}

/// Packs groups into transactions of at most `max_messages` messages, unless one group has more. Actions without a node
/// are not mixed with those before or after: the later ones may need them.
pub(super) fn pack_batches(units: Vec<ActionGroup>, max_messages: usize) -> Vec<Vec<ActionGroup>> {
    let mut all: Vec<Vec<ActionGroup>> = Vec::new();
    for unit in units {
        let is_planwide = |unit: &ActionGroup| unit.actions.iter().any(|action| action.node().is_none());
        let fits = |batch: &Vec<ActionGroup>| {
            let count: usize = batch.iter().map(|unit| unit.actions.len()).sum();
            count + unit.actions.len() <= max_messages
                && batch.last().is_some_and(|last| is_planwide(last) == is_planwide(&unit))
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
    fn keeps_actions_of_node_together_and_plan_actions_apart() {
        let actions = [link(1, 1), Action::ActivatePlan { plan: 1 }, link(1, 2), link(2, 1), link(2, 2)];
        let units = group_actions(&actions);
        assert_eq!(units[0].actions, [link(1, 1), link(2, 1)]);
        assert_eq!(units[2].actions, [link(1, 2), link(2, 2)]);
        let batches = pack_batches(units, 90);
        let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }

    proptest! {
        #[test]
        fn packs_each_action_once_in_order_per_node(nodes in prop::collection::vec((0u64..3, 0u8..9), 0..200), max_messages in 1usize..20) {
            let actions: Vec<_> = nodes.iter().map(|(plan, node)| link(*plan, *node)).collect();
            let batches = pack_batches(group_actions(&actions), max_messages);
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
                prop_assert!(count <= max_messages || batch.len() == 1);
            }
        }
    }
}
