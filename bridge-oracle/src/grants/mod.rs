//! What the governance account grants the oracle's key: the least that its work needs.

mod transactions;

use std::collections::BTreeMap;
use std::time::SystemTime;

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{Authorization, FeeAllowance};
use sentinel_proto::tx::Typed as _;
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, MsgExec};
use sentinel_proto::wire::sentinel::plan::v3::MsgCreatePlanRequest;
use sentinel_proto::wire::sentinel::provider::v3::{
    MsgRegisterProviderRequest, MsgUpdateProviderStatusRequest,
};

pub use transactions::{Unsigned, grant, revoke};

use crate::submit::messages::TYPES;

/// What setting up the provider needs besides, for a multisig, which cannot sign such messages itself. To be granted
/// for a day.
pub const SETUP_TYPES: [&str; 3] = [
    MsgRegisterProviderRequest::TYPE_URL,
    MsgUpdateProviderStatusRequest::TYPE_URL,
    MsgCreatePlanRequest::TYPE_URL,
];

/// What the message of the fee grant is limited to.
pub const FEE_MESSAGE: &str = MsgExec::TYPE_URL;

/// What a grant of this type is for, and what a thief of the key could do with it.
pub fn purpose(name: &str) -> &'static str {
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

/// What is to be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The provider's account.
    pub granter: AccountAddress,
    /// The oracle's account.
    pub grantee: AccountAddress,
    /// End of the grants.
    pub expires: SystemTime,
    /// The coin of the fee grant.
    pub denom: String,
    /// Its limit.
    pub fee_limit: u128,
    /// End of the grants for setting up, if they are wanted too.
    pub setup_expires: Option<SystemTime>,
}

impl Wanted {
    /// Each type with its end.
    pub fn types(&self) -> Vec<(&'static str, SystemTime)> {
        let running = TYPES.iter().map(|name| (*name, self.expires));
        let setup =
            self.setup_expires.into_iter().flat_map(|end| SETUP_TYPES.iter().map(move |name| (*name, end)));
        running.chain(setup).collect()
    }
}

/// What is granted now, as far as it counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// Ends of the generic grants by type; `None`: never.
    pub types: BTreeMap<String, Option<SystemTime>>,
    /// Grants of kinds that the oracle never needs.
    pub foreign: Vec<String>,
    /// The fee grant.
    pub fees: Option<FeeAllowance>,
}

impl Granted {
    /// Sorts what the hub answered; what has ended does not count.
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

    /// Types that are needed and not there.
    pub fn missing(&self) -> Vec<&'static str> {
        TYPES.into_iter().filter(|name| !self.types.contains_key(*name)).collect()
    }

    /// What is there and not needed.
    pub fn surplus(&self) -> Vec<&str> {
        let types = self.types.keys().map(String::as_str).filter(|name| !TYPES.contains(name));
        types.chain(self.foreign.iter().map(String::as_str)).collect()
    }
}
