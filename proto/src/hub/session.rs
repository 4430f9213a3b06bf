//! Sessions as the gate needs them.

use prost::Message;
use prost_types::Any;

use super::error::EndpointFault;
use crate::{
    address::{AccountAddress, AddressError, NodeAddress},
    wire::sentinel::{
        node::v3 as node, session::v3::BaseSession, subscription::v3 as subscription, types::v1::Status,
    },
};

/// Type of a session that pays the node itself.
pub const DIRECT_TYPE: &str = "/sentinel.node.v3.Session";
/// Type of a session that a subscription pays for.
pub const SUBSCRIPTION_TYPE: &str = "/sentinel.subscription.v3.Session";

/// A session on the hub. All but the status stays as it is for as long as the session exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: u64,
    /// Who may use it.
    pub account: AccountAddress,
    /// The node that it is with.
    pub node: NodeAddress,
    /// What pays for it.
    pub kind: SessionKind,
    /// Its status when the hub was asked.
    pub status: SessionStatus,
}

/// What pays for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Pay as you go, to the node itself.
    Direct,
    /// A subscription to this plan.
    Plan(u64),
}

impl SessionKind {
    /// The plan, if it is of any.
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
    /// In use, or ready for it.
    Active,
    /// Cancelled; is settled and then leaves the hub.
    InactivePending,
    /// Over.
    Inactive,
}

/// What the hub's answer itself says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawSession {
    pub(super) id: u64,
    /// `None`: no key has such an account (a contract or a group is 32 bytes long).
    pub(super) account: Option<AccountAddress>,
    pub(super) node: NodeAddress,
    pub(super) status: SessionStatus,
    /// `None`: direct.
    pub(super) subscription: Option<u64>,
}

impl RawSession {
    /// Whether it is of a type that we know; a later hub may have more.
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
            other => return Err(senseless(format!("session of unknown type {}", super::error::cut(other)))),
        };
        let base: BaseSession = base.ok_or_else(|| senseless("session without content"))?;
        let account = match base.acc_address.parse() {
            Ok(account) => Some(account),
            Err(AddressError::Length(_)) => None,
            Err(error) => return Err(senseless(format!("account of session {}: {error}", base.id))),
        };
        let node = base
            .node_address
            .parse()
            .map_err(|error| senseless(format!("node of session {}: {error}", base.id)))?;
        let status = match Status::try_from(base.status) {
            Ok(Status::Active) => SessionStatus::Active,
            Ok(Status::InactivePending) => SessionStatus::InactivePending,
            Ok(Status::Inactive) => SessionStatus::Inactive,
            _ => return Err(senseless(format!("status of session {}", base.id))),
        };
        Ok(Self { id: base.id, account, node, status, subscription })
    }
}

fn decode<M: Message + Default>(any: &Any) -> Result<M, EndpointFault> {
    M::decode(any.value.as_slice()).map_err(|error| senseless(format!("session: {error}")))
}

pub(super) fn senseless(what: impl Into<String>) -> EndpointFault {
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
    fn both_kinds_are_told_apart_by_type() {
        let listed = RawSession::read(&direct(base(&account()))).unwrap();
        assert_eq!(listed.subscription, None);
        assert_eq!(listed.account, Some(AccountAddress::new([1; 20])));
        let session = subscription::Session { base_session: Some(base(&account())), subscription_id: 8 };
        let any = Any { type_url: SUBSCRIPTION_TYPE.to_owned(), value: session.encode_to_vec() };
        assert_eq!(RawSession::read(&any).unwrap().subscription, Some(8));
    }

    #[test]
    fn a_contracts_session_is_readable_but_nobodys() {
        let prefix = bech32::Hrp::parse("sent").unwrap();
        let contract = bech32::encode::<bech32::Bech32>(prefix, &[1; 32]).unwrap();
        assert_eq!(RawSession::read(&direct(base(&contract))).unwrap().account, None);
    }

    #[test]
    fn senseless_sessions_are_refused() {
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
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), which: bool) {
            let type_url = if which { DIRECT_TYPE } else { SUBSCRIPTION_TYPE }.to_owned();
            let _ = RawSession::read(&Any { type_url, value: bytes });
        }
    }
}
