//! Sessions, read from the answers of the hub.

use prost::Message;
use prost_types::Any;

use super::error::EndpointFault;
use crate::{
    address::{AccountAddress, AddressError, NodeAddress},
    wire::sentinel::{
        node::v3 as node, session::v3::BaseSession, subscription::v3 as subscription, types::v1::Status,
    },
};

/// Type URL of a session that pays the node directly.
pub const DIRECT_TYPE: &str = "/sentinel.node.v3.Session";
/// Type URL of a session that is paid by a subscription.
pub const SUBSCRIPTION_TYPE: &str = "/sentinel.subscription.v3.Session";

/// A session on the hub. Only its status changes during its lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Session id.
    pub id: u64,
    /// Account that may use it.
    pub account: AccountAddress,
    /// Node that serves it.
    pub node: NodeAddress,
    /// What pays for it.
    pub kind: SessionKind,
    /// Its status at the time of the query.
    pub status: SessionStatus,
}

/// What pays for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Pay as you go, directly to the node.
    Direct,
    /// A subscription to this plan.
    Plan(u64),
}

impl SessionKind {
    /// The plan; `None` for a direct session.
    pub fn plan(self) -> Option<u64> {
        match self {
            Self::Direct => None,
            Self::Plan(plan) => Some(plan),
        }
    }
}

/// Status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionStatus {
    /// In use or ready for use.
    Active,
    /// Cancelled; removed from the hub after settlement.
    InactivePending,
    /// Ended.
    Inactive,
}

/// A session as in the answer of the hub, before its subscription is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawSession {
    pub(super) id: u64,
    /// `None`: the address is not that of a key (addresses of contracts and groups have 32 bytes).
    pub(super) account: Option<AccountAddress>,
    pub(super) node: NodeAddress,
    pub(super) status: SessionStatus,
    /// Subscription id; `None`: direct.
    pub(super) subscription: Option<u64>,
}

impl RawSession {
    /// Whether `any` is a session of a known type; a later hub may have more types.
    pub(super) fn is_known(any: &Any) -> bool {
        matches!(any.type_url.as_str(), DIRECT_TYPE | SUBSCRIPTION_TYPE)
    }

    pub(super) fn read(any: &Any) -> Result<Self, EndpointFault> {
        let (base, subscription) = match any.type_url.as_str() {
            DIRECT_TYPE => (decode::<node::Session>(any)?.base_session, None),
            SUBSCRIPTION_TYPE => {
                let session = decode::<subscription::Session>(any)?;
                (session.base_session, Some(session.subscription_id))
            }
            other => {
                return Err(invalid_answer(format!("session of unknown type {}", super::error::cut(other))));
            }
        };
        let base: BaseSession = base.ok_or_else(|| invalid_answer("session without content"))?;
        let account = match base.acc_address.parse() {
            Ok(account) => Some(account),
            Err(AddressError::Length(_)) => None,
            Err(error) => return Err(invalid_answer(format!("account of session {}: {error}", base.id))),
        };
        let node = base
            .node_address
            .parse()
            .map_err(|error| invalid_answer(format!("node of session {}: {error}", base.id)))?;
        let status = match Status::try_from(base.status) {
            Ok(Status::Active) => SessionStatus::Active,
            Ok(Status::InactivePending) => SessionStatus::InactivePending,
            Ok(Status::Inactive) => SessionStatus::Inactive,
            _ => return Err(invalid_answer(format!("status of session {}", base.id))),
        };
        Ok(Self { id: base.id, account, node, status, subscription })
    }
}

fn decode<M: Message + Default>(any: &Any) -> Result<M, EndpointFault> {
    M::decode(any.value.as_slice()).map_err(|error| invalid_answer(format!("session: {error}")))
}

pub(super) fn invalid_answer(what: impl Into<String>) -> EndpointFault {
    EndpointFault::Answer(what.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(account: &str) -> BaseSession {
        BaseSession {
            id: 5,
            acc_address: account.to_owned(),
            node_address: NodeAddress::new([2; 20]).to_string(),
            status: Status::Active.into(),
            ..BaseSession::default()
        }
    }

    fn direct(base: BaseSession) -> Any {
        let session = node::Session { base_session: Some(base), price: None };
        Any { type_url: DIRECT_TYPE.to_owned(), value: session.encode_to_vec() }
    }

    fn account() -> String {
        AccountAddress::new([1; 20]).to_string()
    }

    #[test]
    fn distinguishes_session_kinds_by_type_url() {
        let listed = RawSession::read(&direct(base(&account()))).unwrap();
        assert_eq!(listed.subscription, None);
        assert_eq!(listed.account, Some(AccountAddress::new([1; 20])));
        let session = subscription::Session { base_session: Some(base(&account())), subscription_id: 8 };
        let any = Any { type_url: SUBSCRIPTION_TYPE.to_owned(), value: session.encode_to_vec() };
        assert_eq!(RawSession::read(&any).unwrap().subscription, Some(8));
    }

    #[test]
    fn reads_session_of_contract_without_account() {
        let prefix = bech32::Hrp::parse("sent").unwrap();
        let contract = bech32::encode::<bech32::Bech32>(prefix, &[1; 32]).unwrap();
        assert_eq!(RawSession::read(&direct(base(&contract))).unwrap().account, None);
    }

    #[test]
    fn rejects_invalid_sessions() {
        let good = direct(base(&account()));
        let other_type = Any { type_url: "/sentinel.session.v2.Session".to_owned(), ..good.clone() };
        let no_slash = Any { type_url: "sentinel.node.v3.Session".to_owned(), ..good.clone() };
        let garbage = Any { value: vec![0xff; 9], ..good.clone() };
        let empty = Any { value: Vec::new(), ..good };
        let node = direct(BaseSession { node_address: account(), ..base(&account()) });
        let status = direct(BaseSession { status: 0, ..base(&account()) });
        let nobody = direct(base(""));
        for any in [other_type, no_slash, garbage, empty, node, status, nobody] {
            assert!(matches!(RawSession::read(&any), Err(EndpointFault::Answer(_))), "{any:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_arbitrary_bytes_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), which: bool) {
            let type_url = if which { DIRECT_TYPE } else { SUBSCRIPTION_TYPE }.to_owned();
            let _ = RawSession::read(&Any { type_url, value: bytes });
        }
    }
}
