//! Entry points for the fuzzer: sessions in answers of the hub.

use prost::Message;
use prost_types::Any;

use super::session::{RawSession, SessionStatus};
use crate::wire::sentinel::{
    session::v3::{QuerySessionResponse, QuerySessionsForNodeResponse},
    types::v1::Status,
};

/// A decoded session: addresses as text, the status as its number on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedSession {
    /// Session id.
    pub id: u64,
    /// Its account; `None`: the address is not that of a key.
    pub account: Option<String>,
    /// Its node.
    pub node: String,
    /// Its status.
    pub status: u32,
    /// Its subscription; `None`: a direct session.
    pub subscription: Option<u64>,
}

/// Sessions in `bytes`, decoded as either kind of response.
pub fn answers(bytes: &[u8]) -> Vec<Any> {
    let asked = QuerySessionResponse::decode(bytes).ok().and_then(|answer| answer.session);
    let listed =
        QuerySessionsForNodeResponse::decode(bytes).map(|answer| answer.sessions).unwrap_or_default();
    asked.into_iter().chain(listed).collect()
}

/// Decodes one session; `None`: invalid.
pub fn listed(any: &Any) -> Option<DecodedSession> {
    let read = RawSession::read(any).ok()?;
    let status = match read.status {
        SessionStatus::Active => Status::Active,
        SessionStatus::InactivePending => Status::InactivePending,
        SessionStatus::Inactive => Status::Inactive,
    };
    Some(DecodedSession {
        id: read.id,
        account: read.account.map(|account| account.to_string()),
        node: read.node.to_string(),
        status: (status as i32).unsigned_abs(),
        subscription: read.subscription,
    })
}
