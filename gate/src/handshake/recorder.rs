//! Records of admitted handshakes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::admission::{Admission, Admitted};
use crate::store::clock::Clock;
use crate::store::{SessionRecord, SessionState, Store, StoreError};

/// Writes intents and session records.
pub(super) struct Recorder {
    store: Store,
    admission: Arc<Admission>,
    clock: Arc<dyn Clock>,
}

/// The used part of the node's answer: `data` is the answer of the tunnel service.
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
    pub(super) fn new(store: Store, admission: Arc<Admission>, clock: Arc<dyn Clock>) -> Self {
        Self { store, admission, clock }
    }

    /// Records a session with the answer of the node, durably, before the client receives it.
    pub(super) async fn record(&self, admitted: &Admitted, answer: &[u8]) -> Result<(), StoreError> {
        let record = self.of(admitted, answer);
        let (session, tier, service) = (record.session_id, record.tier.clone(), record.service.clone());
        self.store.sessions().record(record, answer.to_vec()).await?;
        tracing::info!(session, tier, service, "session admitted");
        Ok(())
    }

    /// Writes the intent with the basis of the session, durably, before the handshake is forwarded.
    pub(super) async fn intend(&self, admitted: &Admitted) -> Result<SessionRecord, StoreError> {
        let record = self.of(admitted, &[]);
        self.store.intents().record(record.clone()).await?;
        Ok(record)
    }

    fn of(&self, admitted: &Admitted, answer: &[u8]) -> SessionRecord {
        let verified = admitted.verified();
        let basis = self.admission.recorded_basis(admitted.grant());
        let slot_holder = basis.holder();
        SessionRecord {
            session_id: verified.session_id(),
            account: verified.account(),
            wallet: basis.wallet,
            vault: basis.vault,
            via: basis.via.map(str::to_owned),
            collection: basis.collection,
            card: basis.card,
            tier: basis.tier.to_owned(),
            plan: basis.plan,
            service: verified.service().to_string(),
            peer_id: verified.peer().to_string(),
            addresses: addresses(answer),
            handshake_hash: verified.fingerprint(),
            slot_holder,
            admitted_at: self.clock.unix(),
            decision_block: basis.block,
            expires_at: basis.expires_at,
            state: SessionState::Live,
            cause: None,
            evicted_at: None,
            signed_in_after: None,
            own_key: verified.own_key(),
        }
    }
}

/// Returns the tunnel addresses in the node's answer; none if it has another form.
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
    fn reads_addresses_from_node_answer() {
        let data =
            STANDARD.encode(r#"{"addrs":["10.48.178.2/32"],"metadata":[{"port":1,"public_key":"k"}]}"#);
        let answer = format!(r#"{{"success":true,"result":{{"addrs":["127.0.0.1"],"data":"{data}"}}}}"#);
        assert_eq!(addresses(answer.as_bytes()), ["10.48.178.2/32"]);
        assert!(addresses(b"garbage").is_empty());
    }
}
