//! What is kept of an admitted handshake.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::admission::decide::{By, Candidate};
use crate::admission::{Admitted, Grant, PROBE};
use crate::governance::Governance;
use crate::refusal::Refusal;
use crate::store::clock::{Clock, UnixTime};
use crate::store::{SessionRecord, SessionState, Store};

/// How long an admission may last.
pub struct Lifetime {
    /// Of an admission without a sign-in, by the key's own address or as a probe, unless governed.
    pub without_binding: Duration,
    /// How long a sign-in lasts where the contracts have a say.
    pub governance: Governance,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// Writes session records.
pub(super) struct Recorder {
    store: Store,
    lifetime: Lifetime,
}

/// The part of the node's answer that is needed: `data` is the service's own answer.
#[derive(Deserialize)]
struct NodeAnswer {
    result: NodeResult,
}

#[derive(Deserialize)]
struct NodeResult {
    data: String,
}

#[derive(Deserialize)]
struct PeerAnswer {
    #[serde(default)]
    addrs: Vec<String>,
}

impl Recorder {
    pub(super) fn new(store: Store, lifetime: Lifetime) -> Self {
        Self { store, lifetime }
    }

    /// Records an admission with the node's answer, durably, before the client sees it.
    pub(super) async fn record(&self, admitted: &Admitted, answer: &[u8]) -> Result<(), Refusal> {
        let record = self.of(admitted, answer);
        let session = record.session_id;
        tracing::info!(session, tier = record.tier, service = record.service, "session admitted");
        self.store.record_session(record, answer.to_vec()).await.map_err(|error| {
            let request_id = crate::edge::request_id();
            tracing::error!(%error, session, request_id, "the node took a session that cannot be recorded");
            Refusal::Internal { request_id }
        })
    }

    fn of(&self, admitted: &Admitted, answer: &[u8]) -> SessionRecord {
        let verified = admitted.verified();
        let admitted_at = self.lifetime.clock.unix();
        let entitlement = match admitted.grant() {
            Grant::Card { entitlement, .. } => Some(entitlement),
            Grant::Probe => None,
        };
        SessionRecord {
            session_id: verified.session_id(),
            account: verified.account(),
            wallet: entitlement.map(|entitlement| entitlement.wallet),
            vault: entitlement.and_then(|entitlement| entitlement.vault),
            card: entitlement.and_then(|entitlement| entitlement.cards.first().map(ToString::to_string)),
            tier: entitlement.map_or(PROBE, |entitlement| entitlement.tier.name()).to_owned(),
            service: verified.service().to_string(),
            peer_id: verified.peer().to_string(),
            addresses: addresses(answer),
            handshake_hash: verified.fingerprint(),
            admitted_at,
            decision_block: entitlement.map_or(0, |entitlement| entitlement.block),
            expires_at: self.expires_at(admitted.grant(), admitted_at),
            state: SessionState::Live,
        }
    }

    fn expires_at(&self, grant: &Grant, now: UnixTime) -> UnixTime {
        let binding = match grant {
            Grant::Card { candidate: Candidate { by: By::Binding(key), .. }, .. } => {
                self.store.bindings_of(&key.account).into_iter().find(|binding| binding.wallet == key.wallet)
            }
            Grant::Card { .. } | Grant::Probe => None,
        };
        let unbound = self.lifetime.governance.credential_ttl(self.lifetime.without_binding);
        let otherwise = || now.saturating_add_unsigned(unbound.as_secs());
        binding.map_or_else(otherwise, |binding| binding.expires_at)
    }
}

/// Whether this is the handshake that the record is of.
pub(super) fn is_repeat(record: &SessionRecord, admitted: &Admitted) -> bool {
    let verified = admitted.verified();
    record.state == SessionState::Live
        && record.handshake_hash == verified.fingerprint()
        && record.account == verified.account()
        && record.peer_id == verified.peer().to_string()
}

/// The addresses in the tunnel that the node gave; none if its answer has another form.
fn addresses(answer: &[u8]) -> Vec<String> {
    let read = || {
        let answer: NodeAnswer = serde_json::from_slice(answer).ok()?;
        let data = STANDARD.decode(answer.result.data).ok()?;
        Some(serde_json::from_slice::<PeerAnswer>(&data).ok()?.addrs)
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_nodes_answer() {
        let data =
            STANDARD.encode(r#"{"addrs":["10.48.178.2/32"],"metadata":[{"port":1,"public_key":"k"}]}"#);
        let answer = format!(r#"{{"success":true,"result":{{"addrs":["127.0.0.1"],"data":"{data}"}}}}"#);
        assert_eq!(addresses(answer.as_bytes()), ["10.48.178.2/32"]);
        assert!(addresses(b"garbage").is_empty());
    }
}
