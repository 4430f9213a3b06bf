//! Actions on the hub and their reasons.

use std::fmt;

use sentinel_proto::address::NodeAddress;
use serde::{Deserialize, Serialize};

use crate::ledger::Price;

/// One message of the provider. Prices and hours are exact: the hub refuses a lease after a price rise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// `MsgUpdatePlanStatusRequest` with status active.
    ActivatePlan {
        /// The plan.
        plan: u64,
    },
    /// `MsgStartLeaseRequest` with [`RENEWAL`](crate::ledger::RENEWAL).
    StartLease {
        /// The node.
        node: NodeAddress,
        /// Hours, paid in advance.
        hours: u32,
        /// `max_price`, in the governed denomination.
        max_price: Price,
    },
    /// `MsgRenewLeaseRequest`: the lease starts again from now; unused hours are refunded.
    RenewLease {
        /// The lease.
        lease: u64,
        /// Its node.
        node: NodeAddress,
        /// Hours from now.
        hours: u32,
        /// `max_price`, in the governed denomination.
        max_price: Price,
    },
    /// `MsgUpdateLeaseRequest`: sets whether the hub renews the lease at its end (policy
    /// [`RENEWAL`](crate::ledger::RENEWAL), else unspecified). A lease that the hub does not renew cannot be renewed by
    /// the oracle either.
    SetRenewal {
        /// The lease.
        lease: u64,
        /// Its node.
        node: NodeAddress,
        /// Whether the hub renews it.
        renews: bool,
    },
    /// `MsgEndLeaseRequest`: refunds unused hours, unlinks the node from every plan.
    EndLease {
        /// The lease.
        lease: u64,
        /// Its node.
        node: NodeAddress,
    },
    /// `MsgLinkNodeRequest`. Requires a lease.
    Link {
        /// The plan.
        plan: u64,
        /// The node.
        node: NodeAddress,
    },
    /// `MsgUnlinkNodeRequest`: cancels the running sessions of this plan on the node.
    Unlink {
        /// The plan.
        plan: u64,
        /// The node.
        node: NodeAddress,
    },
}

impl Action {
    /// Returns the node of the action; `None` for a plan.
    pub const fn node(&self) -> Option<NodeAddress> {
        match self {
            Self::ActivatePlan { .. } => None,
            Self::StartLease { node, .. }
            | Self::RenewLease { node, .. }
            | Self::SetRenewal { node, .. }
            | Self::EndLease { node, .. }
            | Self::Link { node, .. }
            | Self::Unlink { node, .. } => Some(*node),
        }
    }

    /// Label for metrics and tables.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::ActivatePlan { .. } => "activate_plan",
            Self::StartLease { .. } => "start_lease",
            Self::RenewLease { .. } => "renew_lease",
            Self::SetRenewal { .. } => "set_renewal",
            Self::EndLease { .. } => "end_lease",
            Self::Link { .. } => "link",
            Self::Unlink { .. } => "unlink",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ActivatePlan { plan } => write!(f, "activate plan {plan}"),
            Self::StartLease { node, hours, max_price } => {
                write!(f, "lease {node} for {hours} h at {}", max_price.quote)
            }
            Self::RenewLease { lease, node, hours, max_price } => {
                write!(f, "renew lease {lease} of {node} for {hours} h at {}", max_price.quote)
            }
            Self::SetRenewal { lease, node, renews: true } => write!(f, "let lease {lease} of {node} renew"),
            Self::SetRenewal { lease, node, renews: false } => {
                write!(f, "let lease {lease} of {node} run out")
            }
            Self::EndLease { lease, node } => write!(f, "end lease {lease} of {node}"),
            Self::Link { plan, node } => write!(f, "link {node} to plan {plan}"),
            Self::Unlink { plan, node } => write!(f, "unlink {node} from plan {plan}"),
        }
    }
}

/// An action with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// The reason.
    pub reason: Reason,
}

/// Reason of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
