//! Resolves handshakes that the node had not answered when the gate ended, or never answered: a peer that is in the
//! tunnel becomes a session, as if the answer had been recorded, or is blocked. No peer stays without a record, and no
//! admitted peer is blocked for want of one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sovereign_tunnel::{Peer, Presence, TunnelError, TunnelPeer};
use tokio::time::timeout;

use super::evictor::Evictor;
use super::reevaluation_queue::{Reason, ReevaluationQueue};
use super::{EnforcerDeps, peer};
use crate::admission::Sessions;
use crate::store::clock::Clock;
use crate::store::{EvictionCause, SessionRecord, SessionState, Store, StoreError, UnresolvedIntent};

/// Maximum time from a forwarded handshake until the node has added the peer.
const NODE_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum time to resolve intents while a client waits.
const SETTLE_TIMEOUT: Duration = Duration::from_millis(1000);

/// Resolves intents: forwarded handshakes without a recorded answer.
pub(super) struct IntentResolver {
    store: Store,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    queue: Arc<ReevaluationQueue>,
    /// Held while intents are resolved, so that only one task resolves them.
    resolve_lock: tokio::sync::Mutex<()>,
}

impl IntentResolver {
    pub(super) fn new(deps: &EnforcerDeps, queue: Arc<ReevaluationQueue>) -> Self {
        Self {
            store: deps.store.clone(),
            sessions: Arc::clone(&deps.sessions),
            evictor: Arc::clone(&deps.evictor),
            clock: Arc::clone(&deps.clock),
            queue,
            resolve_lock: tokio::sync::Mutex::default(),
        }
    }

    /// Resolves open intents within a bounded time, for a caller that waits.
    pub(super) async fn resolve_now(&self) {
        let settled = timeout(SETTLE_TIMEOUT, async {
            match self.evictor.present().await {
                Ok(present) => self.resolve(&present).await,
                Err(error) => tracing::debug!(%error, "what was left open stays so for now"),
            }
        });
        if settled.await.is_err() {
            tracing::debug!("what was left open stays so for now");
        }
    }

    /// Resolves the open intents, as far as `present` and the hub allow.
    pub(super) async fn resolve(&self, present: &Presence) {
        let _one = self.resolve_lock.lock().await;
        for intent in self.store.intents().unresolved() {
            if let Err(error) = self.resolve_intent(&intent, present).await {
                tracing::warn!(%error, session = intent.record.session_id, "cannot settle what was left open");
            }
        }
    }

    async fn resolve_intent(
        &self,
        intent: &UnresolvedIntent,
        present: &Presence,
    ) -> Result<(), ResolveError> {
        let intended = &intent.record;
        let there = self.find_peer(intended, present).await?;
        if let Some(known) = self.store.sessions().get(intended.session_id) {
            // Same key: the record is authoritative. Another key: the session already has its peer.
            if known.peer_id == intended.peer_id || self.block_unrecorded(intended, there.as_ref()).await {
                self.store.intents().discard(intended);
            }
            return Ok(());
        }
        let Some(there) = there else {
            if intent.age >= NODE_RESPONSE_TIMEOUT {
                self.store.intents().discard(intended);
            }
            return Ok(());
        };
        match self.sessions.is_live(intended.session_id).await {
            Ok(true) => self.record_intended_session(intended, &there).await,
            Ok(false) => {
                if self.block_unrecorded(intended, Some(&there)).await {
                    self.store.intents().discard(intended);
                }
                Ok(())
            }
            // The next run retries.
            Err(_) => Ok(()),
        }
    }

    /// Records the session that the intent describes and queues it, because its entitlement may have ended since.
    async fn record_intended_session(
        &self,
        intended: &SessionRecord,
        there: &TunnelPeer,
    ) -> Result<(), ResolveError> {
        let session = intended.session_id;
        let addresses = there.addresses.clone();
        let answer = if there.passing { self.rebuild_answer(intended, &addresses).await? } else { None };
        let Some(answer) = answer else {
            // The answer is lost, so the client cannot use this peer; no other client may use it either.
            let record = SessionRecord {
                addresses,
                state: SessionState::Evicted,
                cause: Some(EvictionCause::Lost),
                evicted_at: Some(self.clock.unix()),
                ..intended.clone()
            };
            self.store.sessions().record(record, Vec::new()).await?;
            self.evictor.block_evicted(&[session]).await;
            tracing::warn!(session, "the answer to a handshake is lost: its peer is taken out of the tunnel");
            return Ok(());
        };
        // A pause may be a lockdown, which evicted the other sessions.
        let paused = self.store.pauses().current().is_some();
        let (state, cause, evicted_at) = if paused {
            (SessionState::Evicted, Some(EvictionCause::Lockdown), Some(self.clock.unix()))
        } else {
            (SessionState::Live, None, None)
        };
        let record = SessionRecord { addresses, state, cause, evicted_at, ..intended.clone() };
        self.store.sessions().record(record, answer).await?;
        if paused {
            self.evictor.block_evicted(&[session]).await;
        } else if self.store.pauses().current().is_some() {
            // A pause that began since found no record to evict.
            self.evictor.evict(&[session], EvictionCause::Lockdown, Instant::now()).await;
        }
        self.queue.add([session], Reason::Loss);
        tracing::info!(session, paused, "a handshake whose answer was not recorded is a session now");
        Ok(())
    }

    /// Finds the peer in the tunnel. A service that does not list all peers is queried for it.
    async fn find_peer(
        &self,
        intended: &SessionRecord,
        present: &Presence,
    ) -> Result<Option<TunnelPeer>, TunnelError> {
        let named = present.peers.iter().find(|peer| peer.peer_id == intended.peer_id);
        if named.is_some() || present.all || !self.evictor.has(&peer(intended)).await? {
            return Ok(named.cloned());
        }
        Ok(Some(TunnelPeer { peer_id: intended.peer_id.clone(), passing: true, addresses: Vec::new() }))
    }

    /// Rebuilds the node's answer from its newest answer and the peer's own values in the tunnel.
    async fn rebuild_answer(
        &self,
        intended: &SessionRecord,
        addresses: &[String],
    ) -> Result<Option<Vec<u8>>, ResolveError> {
        let another = self.store.sessions().newest_answer(&intended.service).await?;
        let Some((mut answer, told)) = another.and_then(|another| decode_answer(&another)) else {
            return Ok(None);
        };
        let own = Peer { addresses: addresses.to_vec(), ..peer(intended) };
        let told = self.evictor.rebuild_answer(&own, &told).await?;
        Ok(told.map(|told| {
            answer["result"]["data"] = STANDARD.encode(told.to_string()).into();
            answer.to_string().into_bytes()
        }))
    }

    /// Blocks a peer that gets no record. Returns whether it is blocked or absent.
    async fn block_unrecorded(&self, intended: &SessionRecord, there: Option<&TunnelPeer>) -> bool {
        let Some(there) = there else { return true };
        let gone = Peer { addresses: there.addresses.clone(), ..peer(intended) };
        match self.evictor.block_unknown(&[gone]).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, session = intended.session_id, "a peer cannot be taken out of the tunnel");
                false
            }
        }
    }
}

/// Why an intent stays open for now.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decodes an answer of the node: the whole, and the data of its tunnel service.
fn decode_answer(answer: &[u8]) -> Option<(Value, Value)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let data = STANDARD.decode(answer.get("result")?.get("data")?.as_str()?).ok()?;
    Some((answer, serde_json::from_slice(&data).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decodes_node_answers() {
        let data = STANDARD.encode(r#"{"addrs":["10.0.0.2/32"],"metadata":[{"port":1,"public_key":"k"}]}"#);
        let answer = format!(r#"{{"success":true,"result":{{"addrs":["1.2.3.4"],"data":"{data}"}}}}"#);
        let (answer, told) = decode_answer(answer.as_bytes()).unwrap();
        assert_eq!((&answer["success"], &answer["result"]["addrs"][0]), (&json!(true), &json!("1.2.3.4")));
        assert_eq!(told["metadata"][0], json!({ "port": 1, "public_key": "k" }));
        for bad in
            [&b""[..], b"{}", b"noted", br#"{"result":{"data":"!"}}"#, br#"{"result":{"data":"bm8="}}"#]
        {
            assert_eq!(decode_answer(bad), None);
        }
    }
}
