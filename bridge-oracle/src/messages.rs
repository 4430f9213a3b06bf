//! Encodes actions as messages of the provider.

use prost_types::Any;
use sentinel_proto::address::{NodeAddress, ProviderAddress};
use sentinel_proto::tx::{TypedMessage, pack_any};
use sentinel_proto::wire::sentinel::lease::v1::{
    MsgEndLeaseRequest, MsgRenewLeaseRequest, MsgStartLeaseRequest, MsgUpdateLeaseRequest,
};
use sentinel_proto::wire::sentinel::plan::v3::{
    MsgLinkNodeRequest, MsgUnlinkNodeRequest, MsgUpdatePlanStatusRequest,
};
use sentinel_proto::wire::sentinel::types::v1::{Price as WirePrice, RenewalPricePolicy, Status};

use crate::ledger::{Price, RENEWAL};
use crate::reconcile::Action;

/// Message types of all actions: the grants that the oracle's key needs.
pub const MESSAGE_TYPES: [&str; 7] = [
    MsgStartLeaseRequest::TYPE_URL,
    MsgRenewLeaseRequest::TYPE_URL,
    MsgUpdateLeaseRequest::TYPE_URL,
    MsgEndLeaseRequest::TYPE_URL,
    MsgLinkNodeRequest::TYPE_URL,
    MsgUnlinkNodeRequest::TYPE_URL,
    MsgUpdatePlanStatusRequest::TYPE_URL,
];

/// Encodes an action.
pub fn message(action: &Action, provider: &ProviderAddress, denom: &str) -> Any {
    let from = provider.to_string();
    match *action {
        Action::ActivatePlan { plan } => {
            pack_any(&MsgUpdatePlanStatusRequest { from, id: plan, status: Status::Active.into() })
        }
        Action::StartLease { node, hours, max_price } => pack_any(&MsgStartLeaseRequest {
            from,
            node_address: node.to_string(),
            hours: hours.into(),
            max_price: Some(price(max_price, denom)),
            renewal_price_policy: RENEWAL.into(),
        }),
        Action::RenewLease { lease, hours, max_price, .. } => pack_any(&MsgRenewLeaseRequest {
            from,
            id: lease,
            hours: hours.into(),
            max_price: Some(price(max_price, denom)),
        }),
        Action::SetRenewal { lease, renews, .. } => {
            let policy = if renews { RENEWAL } else { RenewalPricePolicy::Unspecified };
            pack_any(&MsgUpdateLeaseRequest { from, id: lease, renewal_price_policy: policy.into() })
        }
        Action::EndLease { lease, .. } => pack_any(&MsgEndLeaseRequest { from, id: lease }),
        Action::Link { plan, node } => {
            pack_any(&MsgLinkNodeRequest { from, id: plan, node_address: node.to_string() })
        }
        Action::Unlink { plan, node } => {
            pack_any(&MsgUnlinkNodeRequest { from, id: plan, node_address: node.to_string() })
        }
    }
}

/// Returns one action for each of [`MESSAGE_TYPES`], in their order. `id` stands for plan and lease.
pub fn one_action_per_type(node: NodeAddress, id: u64, hours: u32) -> [Action; MESSAGE_TYPES.len()] {
    let (plan, lease, max_price) = (id, id, Price::default());
    [
        Action::StartLease { node, hours, max_price },
        Action::RenewLease { lease, node, hours, max_price },
        Action::SetRenewal { lease, node, renews: true },
        Action::EndLease { lease, node },
        Action::Link { plan, node },
        Action::Unlink { plan, node },
        Action::ActivatePlan { plan },
    ]
}

fn price(price: Price, denom: &str) -> WirePrice {
    WirePrice {
        denom: denom.to_owned(),
        base_value: price.base.to_string(),
        quote_value: price.quote.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_granted_message_type() {
        let actions = one_action_per_type(NodeAddress::new([1; 20]), 2, 3);
        let provider = ProviderAddress::new([2; 20]);
        let types = actions.map(|action| message(&action, &provider, "udvpn").type_url);
        assert_eq!(types, MESSAGE_TYPES);
    }
}
