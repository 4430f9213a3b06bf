//! For the fuzzer: what a hub says of sessions.

use prost::Message;
use prost_types::Any;

use super::session::{RawSession, SessionStatus};
use crate::wire::sentinel::{
    session::v3::{QuerySessionResponse, QuerySessionsForNodeResponse},
    types::v1::Status,
};

/// A session as it was read: addresses as text, the status as its number on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its number.
    pub id: u64,
    /// Whose it is, if it can be somebody's.
    pub account: Option<String>,
    /// The node that it is with.
    pub node: String,
    /// Its status.
    pub status: u32,
    /// What pays for it; nothing: it does itself.
    pub subscription: Option<u64>,
}

/// The sessions in these bytes, read as an answer of either kind.
pub fn answers(bytes: &[u8]) -> Vec<Any> {
    let asked = QuerySessionResponse::decode(bytes).ok().and_then(|answer| answer.session);
    let listed =
        QuerySessionsForNodeResponse::decode(bytes).map(|answer| answer.sessions).unwrap_or_default();
    asked.into_iter().chain(listed).collect()
}

/// One session, if it makes sense.
pub fn listed(any: &Any) -> Option<Said> {
    let read = RawSession::read(any).ok()?;
    let status = match read.status {
        SessionStatus::Active => Status::Active,
        SessionStatus::InactivePending => Status::InactivePending,
        SessionStatus::Inactive => Status::Inactive,
    };
    Some(Said {
        id: read.id,
        account: read.account.map(|account| account.to_string()),
        node: read.node.to_string(),
        status: (status as i32).unsigned_abs(),
        subscription: read.subscription,
    })
}
