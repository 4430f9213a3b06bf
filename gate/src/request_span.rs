//! Span of one client request. Its fields stand in every log line of the request: the request id from the start,
//! session and account as soon as they are known.

use std::fmt::Display;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::redact::{ShortAccount, ShortAddress};

/// Returns the span of the request with this id.
pub(crate) fn new(id: &str) -> Span {
    tracing::info_span!("request", id, session = Empty, account = Empty, wallet = Empty)
}

/// Records the session of the current request. Call it outside of inner spans, which lack the field.
pub(crate) fn record_session(session: u64) {
    Span::current().record("session", session);
}

/// Records the account of the current request, shortened. Call it outside of inner spans, which lack the field.
pub(crate) fn record_account(account: AccountAddress) {
    record("account", ShortAccount(account));
}

/// Records the wallet of the current request, shortened. Call it outside of inner spans, which lack the field.
pub(crate) fn record_wallet(wallet: Address) {
    record("wallet", ShortAddress(wallet));
}

fn record(field: &str, value: impl Display) {
    Span::current().record(field, display(value));
}
