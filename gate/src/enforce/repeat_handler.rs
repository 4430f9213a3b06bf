//! Repeated handshakes: answered from the record while the peer is in the tunnel or can be restored. Without this a
//! client whose local start failed, or whose card came back, would pay again.

use std::sync::Arc;
use std::time::Duration;

use sovereign_tunnel::RestoreOutcome;
use tokio::time::timeout;

use super::evictor::{Evictor, RestoreError};
use super::intent_resolver::IntentResolver;
use super::{EnforcerDeps, peer};
use crate::admission::{Admission, Admitted, Repeated, Sessions};
use crate::refusal::Refusal;
use crate::store::{EvictionCause, SessionRecord, SessionState, Store};

/// Maximum wait for the tunnel service while a client waits.
const TUNNEL_LOOKUP_TIMEOUT: Duration = Duration::from_millis(1000);

/// How an admitted handshake is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepeatOutcome {
    /// It is a first handshake, or must be decided again.
    No,
    /// The recorded answer is still valid.
    Holds,
    /// The peer cannot be restored.
    Over(Refusal),
}

/// Status of a live session's peer in the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerStatus {
    /// Its packets pass.
    In,
    /// The node has it, and it is blocked.
    Shut,
    /// The node does not have it any more.
    Nowhere,
}

/// Answers repeated handshakes.
pub(super) struct RepeatHandler {
    store: Store,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    intents: Arc<IntentResolver>,
}

impl RepeatHandler {
    pub(super) fn new(deps: &EnforcerDeps, intents: Arc<IntentResolver>) -> Self {
        Self {
            store: deps.store.clone(),
            admission: Arc::clone(&deps.admission),
            sessions: Arc::clone(&deps.sessions),
            evictor: Arc::clone(&deps.evictor),
            intents,
        }
    }

    /// Checks whether an admitted handshake was answered before, and whether that answer is still valid.
    pub(super) async fn repeat(&self, admitted: &Admitted) -> RepeatOutcome {
        let verified = admitted.verified();
        if self.store.intents().has_unresolved(verified.session_id(), &verified.peer().to_string()) {
            self.intents.resolve_now().await;
        }
        let record = self.store.sessions().get(verified.session_id()).filter(|record| verified.is_of(record));
        let Some(record) = record else { return RepeatOutcome::No };
        let signed_in_after = match record.cause {
            Some(EvictionCause::DeviceLimit | EvictionCause::Lockdown) => record.evicted_at,
            _ => record.signed_in_after,
        };
        let new = self.admission.recorded_basis(admitted.grant()).apply_to(&record);
        let new = SessionRecord { signed_in_after, ..new };
        match record.state {
            SessionState::Live => self.check_live(&record).await,
            SessionState::Evicted => match record.cause {
                Some(cause) if cause.allows_repeat() => match self.restore_session(&record, new).await {
                    RepeatOutcome::Holds => self
                        .evictor
                        .evict_if_paused(record.session_id, admitted.grant())
                        .await
                        .map_or_else(RepeatOutcome::Over, |()| RepeatOutcome::Holds),
                    over => over,
                },
                cause => {
                    tunnel_over(cause.and_then(EvictionCause::permanent_reason).unwrap_or("it is not live"))
                }
            },
        }
    }

    /// Checks whether the recorded answer to the handshake of a live session is still valid.
    pub(super) async fn repeat_live(&self, repeated: &Repeated) -> RepeatOutcome {
        let session = repeated.verified().session_id();
        match self
            .store
            .sessions()
            .get(session)
            .filter(|record| record.is_live() && repeated.verified().is_of(record))
        {
            Some(record) => self.check_live(&record).await,
            // Evicted since the decision.
            None => RepeatOutcome::No,
        }
    }

    async fn check_live(&self, live: &SessionRecord) -> RepeatOutcome {
        match timeout(TUNNEL_LOOKUP_TIMEOUT, self.peer_status(live)).await {
            Ok(Some(PeerStatus::Shut)) => self.restore_session(live, live.clone()).await,
            // A peer that the node does not have is never added: the node would not meter its traffic.
            Ok(Some(PeerStatus::Nowhere)) => self.refuse_lost(live.session_id).await,
            Ok(Some(PeerStatus::In) | None) | Err(_) => RepeatOutcome::Holds,
        }
    }

    /// Status of a live session's peer in the tunnel; `None` if the service does not answer.
    async fn peer_status(&self, record: &SessionRecord) -> Option<PeerStatus> {
        let present = self.evictor.present().await.ok()?;
        let peer = peer(record);
        match present.peers.iter().find(|present| present.peer_id == peer.peer_id) {
            Some(present) if present.passing => Some(PeerStatus::In),
            Some(_) => Some(PeerStatus::Shut),
            None if present.all => Some(PeerStatus::Nowhere),
            None => {
                let has = self.evictor.has(&peer).await.ok()?;
                Some(if has { PeerStatus::In } else { PeerStatus::Nowhere })
            }
        }
    }

    async fn restore_session(&self, looked_at: &SessionRecord, new: SessionRecord) -> RepeatOutcome {
        let session = looked_at.session_id;
        match self.sessions.is_live(session).await {
            Ok(true) => {}
            Ok(false) => return tunnel_over("the session has ended on the hub"),
            Err(_) => return RepeatOutcome::Over(Refusal::HubUnavailable),
        }
        let (was, hash) = (looked_at.state, looked_at.handshake_hash);
        match self.evictor.restore(looked_at, new, || true).await {
            // The worker has restored the session in the meantime.
            Err(RestoreError::Changed)
                if was == SessionState::Evicted && self.is_live_by_handshake(session, &hash) =>
            {
                RepeatOutcome::Holds
            }
            Ok(RestoreOutcome::Passing) => RepeatOutcome::Holds,
            Ok(RestoreOutcome::AddressTaken) => tunnel_over("its address belongs to another one now"),
            Ok(RestoreOutcome::NotThere) => self.refuse_lost(session).await,
            Err(error) => {
                tracing::warn!(%error, session, "a peer cannot be let back");
                RepeatOutcome::Over(Refusal::NodeUnavailable)
            }
        }
    }

    /// Whether a session is live and was admitted by this handshake.
    fn is_live_by_handshake(&self, session: u64, hash: &[u8; 32]) -> bool {
        let record = self.store.sessions().get(session);
        record.is_some_and(|now| now.state == SessionState::Live && now.handshake_hash == *hash)
    }

    async fn refuse_lost(&self, session: u64) -> RepeatOutcome {
        self.evictor.mark_lost(session).await;
        tunnel_over(EvictionCause::Lost.permanent_reason().unwrap_or_default())
    }
}

fn tunnel_over(why: &'static str) -> RepeatOutcome {
    RepeatOutcome::Over(Refusal::TunnelOver(why))
}
