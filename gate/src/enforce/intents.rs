//! Handshakes that were with the node when the gate ended, or that the node never answered: whoever of them is in the
//! tunnel becomes a session, as if the answer had been written, or goes. Nobody stays without a record, and nobody
//! who was let in is shut out for that.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::reconcile::tells_all;
use super::tunnel::{Peer, Present};
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
    pub(super) async fn settle(&self, present: &[Present]) {
        let _one = self.settling.lock().await;
        for intent in self.store.open_intents() {
            let there = present.iter().find(|peer| peer.peer_id == intent.record.peer_id);
            if let Err(error) = self.settle_one(&intent, there).await {
                tracing::warn!(%error, session = intent.record.session_id, "cannot settle what was left open");
            }
        }
    }

    async fn settle_one(&self, intent: &Intent, there: Option<&Present>) -> Result<(), StoreError> {
        let intended = &intent.record;
        if let Some(known) = self.store.session(intended.session_id) {
            // The same key: the record says what is true of it. Another one: the session has its peer already.
            if known.peer_id == intended.peer_id || self.is_out(intended, there).await {
                self.store.drop_intent(intended);
            }
            return Ok(());
        }
        if there.is_none() {
            if intent.age < NODE_IS_SLOW {
                return Ok(());
            }
            if tells_all(&intended.service) {
                self.store.drop_intent(intended);
                return Ok(());
            }
        }
        match self.sessions.is_live(intended.session_id).await {
            Ok(true) => self.take_over(intended, there).await,
            Ok(false) => {
                if self.is_out(intended, there).await {
                    self.store.drop_intent(intended);
                }
                Ok(())
            }
            // Again at the next look.
            Err(_) => Ok(()),
        }
    }

    /// Records what the gate would have recorded. Its right is asked about at once: it may have ended meanwhile.
    async fn take_over(&self, intended: &SessionRecord, there: Option<&Present>) -> Result<(), StoreError> {
        let session = intended.session_id;
        let addresses = there.map(|peer| peer.addresses.clone()).unwrap_or_default();
        let passing = there.is_some_and(|peer| peer.passing);
        let answer = if passing { self.answer_again(intended, &addresses).await? } else { None };
        let Some(answer) = answer else {
            // Its client has no answer and gets none: it cannot use this tunnel, nor may anybody else.
            let record = SessionRecord {
                addresses,
                state: SessionState::Evicted,
                cause: Some(Cause::Lost),
                ..intended.clone()
            };
            self.store.record_session(record, Vec::new()).await?;
            self.evictor.repeat(&[session]).await;
            tracing::warn!(session, "the answer to a handshake is lost: its peer is taken out of the tunnel");
            return Ok(());
        };
        // A pause may be a lockdown, which ended the others.
        let paused = self.store.paused().is_some();
        let (state, cause) =
            if paused { (SessionState::Evicted, Some(Cause::Lockdown)) } else { (SessionState::Live, None) };
        let record = SessionRecord { addresses, state, cause, ..intended.clone() };
        self.store.record_session(record, answer).await?;
        if paused {
            self.evictor.repeat(&[session]).await;
        }
        self.queue.add([session]);
        tracing::info!(session, paused, "a handshake whose answer was not recorded is a session now");
        Ok(())
    }

    /// The node's answer as it must have been. Only WireGuard's tells nothing of the peer but its addresses.
    async fn answer_again(
        &self,
        intended: &SessionRecord,
        addresses: &[String],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if !matches!(intended.service.as_str(), "wireguard" | "amneziawg") || addresses.is_empty() {
            return Ok(None);
        }
        let another = self.store.newest_answer(&intended.service).await?;
        Ok(another.and_then(|another| like(&another, addresses)))
    }

    /// Whether a peer that is to have no record is out of the tunnel now.
    async fn is_out(&self, intended: &SessionRecord, there: Option<&Present>) -> bool {
        if there.is_none() && tells_all(&intended.service) {
            return true;
        }
        let addresses = there.map(|peer| peer.addresses.clone()).unwrap_or_default();
        let gone = Peer { addresses, ..peer(intended) };
        match self.evictor.shut_out_unknown(&[gone]).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, session = intended.session_id, "a peer cannot be taken out of the tunnel");
                false
            }
        }
    }
}

/// An answer like `another` one of the same node, for the peer with these addresses.
fn like(another: &[u8], addresses: &[String]) -> Option<Vec<u8>> {
    let mut answer: Value = serde_json::from_slice(another).ok()?;
    let data = answer.get_mut("result")?.get_mut("data")?;
    let mut peer: Value = serde_json::from_slice(&STANDARD.decode(data.as_str()?).ok()?).ok()?;
    *peer.get_mut("addrs")? = json!(addresses);
    *data = STANDARD.encode(peer.to_string()).into();
    Some(answer.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_from_another_one() {
        let data = STANDARD.encode(r#"{"addrs":["10.0.0.2/32"],"metadata":[{"port":1,"public_key":"k"}]}"#);
        let another = format!(r#"{{"success":true,"result":{{"addrs":["1.2.3.4"],"data":"{data}"}}}}"#);
        let made = like(another.as_bytes(), &["10.0.0.9/32".to_owned(), "fd00::9/128".to_owned()]).unwrap();
        let made: Value = serde_json::from_slice(&made).unwrap();
        assert_eq!((&made["success"], &made["result"]["addrs"][0]), (&json!(true), &json!("1.2.3.4")));
        let data = STANDARD.decode(made["result"]["data"].as_str().unwrap()).unwrap();
        let data: Value = serde_json::from_slice(&data).unwrap();
        assert_eq!(data["addrs"], json!(["10.0.0.9/32", "fd00::9/128"]));
        assert_eq!(data["metadata"][0], json!({ "port": 1, "public_key": "k" }));
        for bad in
            [&b""[..], b"{}", b"noted", br#"{"result":{"data":"!"}}"#, br#"{"result":{"data":"e30="}}"#]
        {
            assert_eq!(like(bad, &["10.0.0.9/32".to_owned()]), None);
        }
    }
}
