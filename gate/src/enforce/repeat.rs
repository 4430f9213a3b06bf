//! The same handshake again: answered from the record as long as the tunnel behind the answer is there, or can be
//! brought back. Without this a client whose local start failed, or whose card came back, would pay again.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Enforcer;
use super::evict::NotBack;
use super::queue::Reason;
use super::reconcile::Where;
use super::tunnel::Restored;
use crate::admission::{Admitted, Grant, Repeated};
use crate::refusal::Refusal;
use crate::store::{Cause, SessionRecord, SessionState};

/// For a look at the tunnel. Who cannot be asked in time does not keep a client waiting.
const PATIENCE: Duration = Duration::from_millis(1000);

/// What to do with an admitted handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// It is a first one, or is to be decided on anew.
    No,
    /// The recorded answer holds.
    Holds,
    /// The tunnel does not come back.
    Over(Refusal),
}

impl Enforcer {
    /// The node has taken an admitted handshake, and it is written. The decision was made a while ago: whatever ended
    /// the right since then found no session to name, so it is asked about again; and a pause may be a lockdown.
    pub async fn came_in(&self, admitted: &Admitted) -> Result<(), Refusal> {
        let session = admitted.verified().session_id();
        self.queue.add([session], Reason::Loss);
        self.none_in_a_pause(session, admitted.grant()).await
    }

    /// Takes out who was let in by a decision from before a pause. Probes pass whether it is on or not.
    pub(super) async fn none_in_a_pause(&self, session: u64, grant: &Grant) -> Result<(), Refusal> {
        if self.store.paused().is_none() || matches!(grant, Grant::Probe) {
            return Ok(());
        }
        self.evictor.evict(&[session], Cause::Lockdown, Instant::now()).await;
        Err(Refusal::Paused)
    }

    /// Whether an admitted handshake was answered before, and whether that answer still holds.
    pub async fn repeat(&self, admitted: &Admitted) -> Repeat {
        let verified = admitted.verified();
        if self.store.has_open_intent(verified.session_id(), &verified.peer().to_string()) {
            self.settle_now().await;
        }
        let record = self.store.session(verified.session_id()).filter(|record| verified.is_of(record));
        let Some(record) = record else { return Repeat::No };
        let signed_in_after = match record.cause {
            Some(Cause::DeviceLimit | Cause::Lockdown) => record.evicted_at,
            _ => record.signed_in_after,
        };
        let new = self.admission.recorded_basis(admitted.grant()).apply_to(&record);
        let new = SessionRecord { signed_in_after, ..new };
        match record.state {
            SessionState::Live => self.hold(&record).await,
            SessionState::Evicted => match record.cause {
                Some(cause) if cause.answers() => match self.bring_back(&record, new).await {
                    Repeat::Holds => self
                        .none_in_a_pause(record.session_id, admitted.grant())
                        .await
                        .map_or_else(Repeat::Over, |()| Repeat::Holds),
                    over => over,
                },
                cause => over(cause.and_then(Cause::why_over).unwrap_or("it is not live")),
            },
        }
    }

    /// Whether the recorded answer to the handshake of a live session still holds.
    pub async fn repeat_live(&self, repeated: &Repeated) -> Repeat {
        let session = repeated.verified().session_id();
        match self
            .store
            .session(session)
            .filter(|record| record.is_live() && repeated.verified().is_of(record))
        {
            Some(record) => self.hold(&record).await,
            // Evicted since the decision.
            None => Repeat::No,
        }
    }

    async fn hold(&self, live: &SessionRecord) -> Repeat {
        match timeout(PATIENCE, self.whereabouts(live)).await {
            Ok(Some(Where::Shut)) => self.bring_back(live, live.clone()).await,
            // Not to be added: the node would not count what flows.
            Ok(Some(Where::Nowhere)) => self.lost(live.session_id).await,
            Ok(Some(Where::In) | None) | Err(_) => Repeat::Holds,
        }
    }

    async fn bring_back(&self, looked_at: &SessionRecord, new: SessionRecord) -> Repeat {
        let session = looked_at.session_id;
        match self.sessions.is_live(session).await {
            Ok(true) => {}
            Ok(false) => return over("the session has ended on the hub"),
            Err(_) => return Repeat::Over(Refusal::HubUnavailable),
        }
        let (was, hash) = (looked_at.state, looked_at.handshake_hash);
        match self.evictor.let_back(looked_at, new, || true).await {
            // Whoever looks at named sessions was quicker, and it is in.
            Err(NotBack::Changed) if was == SessionState::Evicted && self.is_in(session, &hash) => {
                Repeat::Holds
            }
            Ok(Restored::Passing) => Repeat::Holds,
            Ok(Restored::AddressTaken) => over("its address belongs to another one now"),
            Ok(Restored::NotThere) => self.lost(session).await,
            Err(error) => {
                tracing::warn!(%error, session, "a peer cannot be let back");
                Repeat::Over(Refusal::NodeUnavailable)
            }
        }
    }

    /// Whether a session is live by this handshake.
    fn is_in(&self, session: u64, hash: &[u8; 32]) -> bool {
        let record = self.store.session(session);
        record.is_some_and(|now| now.state == SessionState::Live && now.handshake_hash == *hash)
    }

    async fn lost(&self, session: u64) -> Repeat {
        self.evictor.lose(session).await;
        over(Cause::Lost.why_over().unwrap_or_default())
    }
}

fn over(why: &'static str) -> Repeat {
    Repeat::Over(Refusal::TunnelOver(why))
}
