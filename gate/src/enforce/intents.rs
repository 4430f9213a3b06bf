//! Handshakes that were with the node when the gate ended, or that the node never answered: whoever of them is in the
//! tunnel becomes a session, as if the answer had been written, or goes. Nobody stays without a record, and nobody
//! who was let in is shut out for that.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::timeout;

use super::queue::Reason;
use super::tunnel::{Peer, Presence, Present, TunnelError};
use super::{Enforcer, peer};
use crate::store::{Cause, Intent, SessionRecord, SessionState, StoreError};

/// A node that was asked may take so long until the peer is in its tunnel.
const NODE_IS_SLOW: Duration = Duration::from_secs(30);
/// For somebody who waits for his answer.
const PATIENCE: Duration = Duration::from_millis(1000);

impl Enforcer {
    /// Settles what was left open, for somebody who waits for it.
    pub(super) async fn settle_now(&self) {
        let settled = timeout(PATIENCE, async {
            match self.evictor.present().await {
                Ok(present) => self.settle(&present).await,
                Err(error) => tracing::debug!(%error, "what was left open stays so for now"),
            }
        });
        if settled.await.is_err() {
            tracing::debug!("what was left open stays so for now");
        }
    }

    /// Settles what was left open and can be.
    pub(super) async fn settle(&self, present: &Presence) {
        let _one = self.settling.lock().await;
        for intent in self.store.open_intents() {
            if let Err(error) = self.settle_one(&intent, present).await {
                tracing::warn!(%error, session = intent.record.session_id, "cannot settle what was left open");
            }
        }
    }

    async fn settle_one(&self, intent: &Intent, present: &Presence) -> Result<(), Unsettled> {
        let intended = &intent.record;
        let there = self.find(intended, present).await?;
        if let Some(known) = self.store.session(intended.session_id) {
            // The same key: the record says what is true of it. Another one: the session has its peer already.
            if known.peer_id == intended.peer_id || self.is_out(intended, there.as_ref()).await {
                self.store.drop_intent(intended);
            }
            return Ok(());
        }
        let Some(there) = there else {
            if intent.age >= NODE_IS_SLOW {
                self.store.drop_intent(intended);
            }
            return Ok(());
        };
        match self.sessions.is_live(intended.session_id).await {
            Ok(true) => self.take_over(intended, &there).await,
            Ok(false) => {
                if self.is_out(intended, Some(&there)).await {
                    self.store.drop_intent(intended);
                }
                Ok(())
            }
            // Again at the next look.
            Err(_) => Ok(()),
        }
    }

    /// Records what the gate would have recorded. Its right is asked about at once: it may have ended meanwhile.
    async fn take_over(&self, intended: &SessionRecord, there: &Present) -> Result<(), Unsettled> {
        let session = intended.session_id;
        let addresses = there.addresses.clone();
        let answer = if there.passing { self.answer_again(intended, &addresses).await? } else { None };
        let Some(answer) = answer else {
            // Its client has no answer and gets none: it cannot use this tunnel, nor may anybody else.
            let record = SessionRecord {
                addresses,
                state: SessionState::Evicted,
                cause: Some(Cause::Lost),
                evicted_at: Some(self.clock.unix()),
                ..intended.clone()
            };
            self.store.record_session(record, Vec::new()).await?;
            self.evictor.repeat(&[session]).await;
            tracing::warn!(session, "the answer to a handshake is lost: its peer is taken out of the tunnel");
            return Ok(());
        };
        // A pause may be a lockdown, which ended the others.
        let paused = self.store.paused().is_some();
        let (state, cause, evicted_at) = if paused {
            (SessionState::Evicted, Some(Cause::Lockdown), Some(self.clock.unix()))
        } else {
            (SessionState::Live, None, None)
        };
        let record = SessionRecord { addresses, state, cause, evicted_at, ..intended.clone() };
        self.store.record_session(record, answer).await?;
        if paused {
            self.evictor.repeat(&[session]).await;
        } else if self.store.paused().is_some() {
            // Begun since then, it found no record to evict.
            self.evictor.evict(&[session], Cause::Lockdown, Instant::now()).await;
        }
        self.queue.add([session], Reason::Loss);
        tracing::info!(session, paused, "a handshake whose answer was not recorded is a session now");
        Ok(())
    }

    /// The peer in the tunnel. A service that does not name everybody is asked for it.
    async fn find(
        &self,
        intended: &SessionRecord,
        present: &Presence,
    ) -> Result<Option<Present>, TunnelError> {
        let named = present.peers.iter().find(|peer| peer.peer_id == intended.peer_id);
        if named.is_some() || present.all || !self.evictor.has(&peer(intended)).await? {
            return Ok(named.cloned());
        }
        Ok(Some(Present { peer_id: intended.peer_id.clone(), passing: true, addresses: Vec::new() }))
    }

    /// The node's answer as it must have been, as far as the tunnel tells what is this peer's own in it.
    async fn answer_again(
        &self,
        intended: &SessionRecord,
        addresses: &[String],
    ) -> Result<Option<Vec<u8>>, Unsettled> {
        let another = self.store.newest_answer(&intended.service).await?;
        let Some((mut answer, told)) = another.and_then(|another| opened(&another)) else { return Ok(None) };
        let own = Peer { addresses: addresses.to_vec(), ..peer(intended) };
        let told = self.evictor.retell(&own, &told).await?;
        Ok(told.map(|told| {
            answer["result"]["data"] = STANDARD.encode(told.to_string()).into();
            answer.to_string().into_bytes()
        }))
    }

    /// Whether a peer that is to have no record is out of the tunnel now.
    async fn is_out(&self, intended: &SessionRecord, there: Option<&Present>) -> bool {
        let Some(there) = there else { return true };
        let gone = Peer { addresses: there.addresses.clone(), ..peer(intended) };
        match self.evictor.shut_out_unknown(&[gone]).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, session = intended.session_id, "a peer cannot be taken out of the tunnel");
                false
            }
        }
    }
}

/// Why something stays open for now.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer of the node, and what is in it of its tunnel service.
fn opened(answer: &[u8]) -> Option<(Value, Value)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let data = STANDARD.decode(answer.get("result")?.get("data")?.as_str()?).ok()?;
    Some((answer, serde_json::from_slice(&data).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_opened_or_is_none() {
        let data = STANDARD.encode(r#"{"addrs":["10.0.0.2/32"],"metadata":[{"port":1,"public_key":"k"}]}"#);
        let answer = format!(r#"{{"success":true,"result":{{"addrs":["1.2.3.4"],"data":"{data}"}}}}"#);
        let (answer, told) = opened(answer.as_bytes()).unwrap();
        assert_eq!((&answer["success"], &answer["result"]["addrs"][0]), (&json!(true), &json!("1.2.3.4")));
        assert_eq!(told["metadata"][0], json!({ "port": 1, "public_key": "k" }));
        for bad in
            [&b""[..], b"{}", b"noted", br#"{"result":{"data":"!"}}"#, br#"{"result":{"data":"bm8="}}"#]
        {
            assert_eq!(opened(bad), None);
        }
    }
}
