//! The grants that the governance account gives the oracle's key: the minimum for its work.

mod transactions;
mod upkeep;

use std::collections::BTreeMap;
use std::time::SystemTime;

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{Authorization, FeeAllowance};
use sentinel_proto::tx::TypedMessage as _;
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, MsgExec};
use sentinel_proto::wire::sentinel::plan::v3::MsgCreatePlanRequest;
use sentinel_proto::wire::sentinel::provider::v3::{
    MsgRegisterProviderRequest, MsgUpdateProviderStatusRequest,
};

pub use transactions::{UnsignedTransaction, build_grant, build_revocation};
pub(crate) use upkeep::{GRANT_EXPIRY_WARNING, MIN_FEE_GRANT_GAS, check_grant_expiry};

use crate::messages::MESSAGE_TYPES;

/// Additional message types for setting up the provider, for a multisig, which cannot sign such messages itself.
/// Granted for one day.
pub const SETUP_MESSAGE_TYPES: [&str; 3] = [
    MsgRegisterProviderRequest::TYPE_URL,
    MsgUpdateProviderStatusRequest::TYPE_URL,
    MsgCreatePlanRequest::TYPE_URL,
];

/// The only message type that the fee grant pays for.
pub const FEE_GRANT_MESSAGE: &str = MsgExec::TYPE_URL;

/// Describes the purpose of a grant and what a thief of the key could do with it.
pub fn describe_grant(name: &str) -> &'static str {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last {
        "MsgStartLeaseRequest" => {
            "lease nodes; a thief can lease at any price that the coins of the provider allow"
        }
        "MsgRenewLeaseRequest" => "renew leases; as starting them",
        "MsgUpdateLeaseRequest" => "set whether leases renew by themselves; a thief can let them run out",
        "MsgEndLeaseRequest" => "end leases; a thief can end all, which refunds unused hours",
        "MsgLinkNodeRequest" => "link leased nodes to the plans; a thief can link bad ones",
        "MsgUnlinkNodeRequest" => "unlink nodes; a thief can end running sessions",
        "MsgUpdatePlanStatusRequest" => "activate plans; a thief can deactivate them",
        "MsgRegisterProviderRequest" => "register the provider, once",
        "MsgUpdateProviderStatusRequest" => "activate the provider, once; a thief can deactivate it",
        "MsgCreatePlanRequest" => "create the plans, once",
        _ => "not needed",
    }
}

/// The grants to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// Account of the provider.
    pub granter: AccountAddress,
    /// Account of the oracle.
    pub grantee: AccountAddress,
    /// Expiry of the grants.
    pub expires: SystemTime,
    /// Coin of the fee grant.
    pub denom: String,
    /// Limit of the fee grant.
    pub fee_limit: u128,
    /// Expiry of the setup grants; `None`: no setup grants.
    pub setup_expires: Option<SystemTime>,
}

impl GrantRequest {
    /// Returns each message type with its expiry.
    pub fn types(&self) -> Vec<(&'static str, SystemTime)> {
        let running = MESSAGE_TYPES.iter().map(|name| (*name, self.expires));
        let setup = self
            .setup_expires
            .into_iter()
            .flat_map(|end| SETUP_MESSAGE_TYPES.iter().map(move |name| (*name, end)));
        running.chain(setup).collect()
    }
}

/// The grants that are in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CurrentGrants {
    /// Generic grants by message type with their expiry; `None`: never.
    pub types: BTreeMap<String, Option<SystemTime>>,
    /// Grants of kinds that the oracle never needs.
    pub foreign: Vec<String>,
    /// The fee grant.
    pub fees: Option<FeeAllowance>,
}

impl CurrentGrants {
    /// Sorts the hub's answer and drops expired grants.
    pub fn new(grants: Vec<Authorization>, fees: Option<FeeAllowance>, now: SystemTime) -> Self {
        let mut granted = Self { fees, ..Self::default() };
        for grant in grants.into_iter().filter(|grant| grant.expires.is_none_or(|end| end > now)) {
            match grant.message.filter(|_| grant.kind == GenericAuthorization::TYPE_URL) {
                Some(message) => _ = granted.types.insert(message, grant.expires),
                None => granted.foreign.push(grant.kind),
            }
        }
        granted
    }

    /// Returns the message types that are needed and not granted.
    pub fn missing(&self) -> Vec<&'static str> {
        MESSAGE_TYPES.into_iter().filter(|name| !self.types.contains_key(*name)).collect()
    }

    /// Returns the grants that are not needed.
    pub fn surplus(&self) -> Vec<&str> {
        let types = self.types.keys().map(String::as_str).filter(|name| !MESSAGE_TYPES.contains(name));
        types.chain(self.foreign.iter().map(String::as_str)).collect()
    }
}
