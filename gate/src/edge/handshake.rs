//! One handshake: decided, forwarded, recorded, answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use sentinel_proto::handshake::Service;
use tokio::sync::watch;
use tracing::Instrument as _;

use self::turns::{Turn, Turns};
use super::answer::{self, Body};
use super::forward::Upstream;
use crate::admission::{Admission, Admitted, Grant, NoSession, Outcome, Repeated, path};
use crate::enforce::{Enforcer, Repeat};
use crate::ops::node::NodeState;
use crate::refusal::Refusal;
use crate::store::Store;
use crate::store::clock::Clock;
use crate::to_the_end::ToTheEnd;

mod record;
mod turns;

/// For a whole handshake: stock clients give up after 5 s.
const PATIENCE: Duration = Duration::from_millis(2800);
/// For the node, however long the decision took.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// How long a session that could not be recorded is tried again, and how often.
const LONGEST_MEMORY: Duration = Duration::from_secs(3600);
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Handles handshakes.
pub struct Handshakes {
    admission: Arc<Admission>,
    enforcer: Arc<Enforcer>,
    upstream: Arc<Upstream>,
    store: Store,
    recorder: record::Recorder,
    turns: Arc<Turns>,
    /// The configured tunnel service; `None`: as the node says.
    service: Option<Service>,
    node: watch::Receiver<NodeState>,
}

impl Handshakes {
    /// Handshakes decided by `admission` and sent to `upstream`.
    pub fn new(
        admission: Arc<Admission>,
        enforcer: Arc<Enforcer>,
        upstream: Arc<Upstream>,
        store: Store,
        clock: Arc<dyn Clock>,
        service: Option<Service>,
        node: watch::Receiver<NodeState>,
    ) -> Self {
        let recorder = record::Recorder::new(store.clone(), Arc::clone(&admission), clock);
        let turns = Arc::default();
        Self { admission, enforcer, upstream, store, recorder, turns, service, node }
    }

    /// Answers a handshake.
    pub async fn answer(
        self: Arc<Self>,
        client: IpAddr,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response<Body>, Refusal> {
        let begun = Instant::now();
        let answered = match Box::pin(self.decide(body.clone())).await {
            Ok(Outcome::Admitted(admitted)) => self.let_in(*admitted, parts, client, begun).await,
            Ok(Outcome::Repeated(repeated)) => self.repeat(&repeated, body, parts, client, begun).await,
            Ok(Outcome::NoSession(missing)) => self.explain(&missing, parts, client, begun).await,
            Err(refusal) => Err(refusal),
        };
        metrics::histogram!("sovereign_gate_handshake_seconds").record(begun.elapsed());
        answered.map(|answer| answer.map(answer::full)).map_err(counted)
    }

    async fn decide(&self, body: Bytes) -> Result<Outcome, Refusal> {
        let begun = Instant::now();
        let service = self.service.or_else(|| self.node.borrow().service).ok_or(Refusal::NodeUnavailable)?;
        let verified = self.admission.verify(body, service)?;
        let (outcome, path) = path::observe(Box::pin(self.admission.decide(verified))).await;
        metrics::histogram!("sovereign_gate_admission_seconds", "path" => path).record(begun.elapsed());
        outcome
    }

    /// Answers the handshake of a live session again. If the session was evicted in this very moment, the handshake is
    /// decided on as that of an evicted one.
    async fn repeat(
        self: Arc<Self>,
        repeated: &Repeated,
        body: Bytes,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        match self.enforcer.repeat_live(repeated).await {
            Repeat::Holds => {
                let answer =
                    self.recorded(repeated.verified().session_id()).await?.ok_or(Refusal::Internal)?;
                metrics::counter!("sovereign_gate_admissions_total",
                    "outcome" => "admitted", "reason" => "repeat", "tier" => "none")
                .increment(1);
                Ok(answer)
            }
            Repeat::Over(refusal) => Err(refusal),
            Repeat::No => match Box::pin(self.decide(body)).await? {
                Outcome::Admitted(admitted) => self.let_in(*admitted, parts, client, begun).await,
                Outcome::NoSession(missing) => self.explain(&missing, parts, client, begun).await,
                Outcome::Repeated(_) => Err(Refusal::NodeUnavailable),
            },
        }
    }

    /// Takes in whoever was admitted. Once begun, this runs to its end even if the client leaves or the node takes too
    /// long: what the node took must be recorded, and the client's next try is then answered from the record.
    async fn let_in(
        self: Arc<Self>,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        let answered = tokio::time::timeout(patience(begun), async {
            let turn = self.turns.take(admitted.verified().session_id()).await;
            let work = Arc::clone(&self).take_in(turn, admitted, parts, client);
            ToTheEnd::new(work.in_current_span()).await
        });
        match answered.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!("a handshake broke down");
                Err(Refusal::Internal)
            }
            Err(_) if self.admission.hub_is_up() => Err(Refusal::NodeUnavailable),
            Err(_) => Err(Refusal::HubUnavailable),
        }
    }

    /// Answers from the record, or else forwards.
    async fn take_in(
        self: Arc<Self>,
        turn: Turn,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Refusal> {
        match self.enforcer.repeat(&admitted).await {
            Repeat::No => {}
            Repeat::Over(refusal) => return Err(refusal),
            Repeat::Holds => {
                if let Some(answer) = self.recorded(admitted.verified().session_id()).await? {
                    count("admitted", "repeat", admitted.grant());
                    return Ok(answer);
                }
            }
        }
        // The node would ask the hub again, in vain and for longer than clients wait.
        if !self.admission.hub_is_up() {
            return Err(Refusal::HubUnavailable);
        }
        // What the node takes must be written down.
        if let Some(trouble) = self.store.trouble() {
            tracing::error!(why = trouble.why, "nobody new is let in, because nothing can be recorded");
            return Err(Refusal::Internal);
        }
        self.forward(turn, admitted, parts, client).await
    }

    /// Forwards, records, and answers with the node's own bytes.
    async fn forward(
        self: Arc<Self>,
        turn: Turn,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Refusal> {
        // One of before of which nobody knows what became of it stays open: this one's refusal says nothing of it.
        let verified = admitted.verified();
        let open = self.store.has_open_intent(verified.session_id(), &verified.peer().to_string());
        let intent = self.recorder.intend(&admitted).await.map_err(|error| {
            tracing::error!(%error, "nobody new is let in, because nothing can be recorded");
            Refusal::Internal
        })?;
        let answer = match self.upstream.forward_admitted(&admitted, parts, client).await {
            Ok(answer) => answer,
            Err(unanswered) => {
                if unanswered.perhaps_done {
                    self.store.leave_intent(intent);
                } else if !open {
                    self.store.drop_intent(&intent);
                }
                return Err(unanswered.refusal);
            }
        };
        if answer.status() == StatusCode::OK {
            if let Err(error) = self.recorder.record(&admitted, answer.body()).await {
                tracing::error!(%error, "the node took a session that cannot be recorded");
                tokio::spawn(self.record_later(turn, admitted, answer.into_body()).in_current_span());
                return Err(Refusal::Internal);
            }
            self.admission.note_used(admitted.grant());
            self.enforcer.came_in(&admitted).await?;
            count("admitted", "entitled", admitted.grant());
        } else {
            if !open {
                self.store.drop_intent(&intent);
            }
            count("refused", "node", admitted.grant());
        }
        Ok(answer)
    }

    /// Tries again until it works: the peer is in the tunnel and its key stays taken, so it must be known. The
    /// client's next try, which has no turn before that, is answered from the record.
    async fn record_later(self: Arc<Self>, _turn: Turn, admitted: Admitted, answer: Bytes) {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_MEMORY {
            tokio::time::sleep(TRY_AGAIN).await;
            if self.recorder.record(&admitted, &answer).await.is_ok() {
                if self.enforcer.came_in(&admitted).await.is_ok() {
                    count("admitted", "entitled", admitted.grant());
                }
                return;
            }
        }
        tracing::error!("a session that the node took was never recorded");
    }

    /// The answer to the very same handshake, if its session is live: the stock node would refuse the repeat
    /// of a client whose local start failed, and the paid session would be lost.
    async fn recorded(&self, session: u64) -> Result<Option<Response<Bytes>>, Refusal> {
        let answer = self.store.session_answer(session).await.map_err(|error| {
            // The node would refuse it, as if the session were lost.
            tracing::error!(%error, session, "cannot read a recorded answer");
            Refusal::Internal
        })?;
        Ok(answer.map(|bytes| answer::recorded(bytes.into())))
    }

    async fn explain(
        &self,
        missing: &NoSession,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        // Nothing rests on this one, so it is given up in time.
        let asked = tokio::time::timeout(patience(begun), self.upstream.ask_about(missing, parts, client));
        let answer = asked.await.map_err(|_| Refusal::NodeUnavailable)??;
        // The session has appeared since: the client's next try will be decided on what it is.
        let has_appeared = answer.status() == StatusCode::UNAUTHORIZED && !missing.is_foreign();
        if answer.status().is_success() || has_appeared {
            return Err(Refusal::HubUnavailable);
        }
        metrics::counter!("sovereign_gate_admissions_total",
            "outcome" => "refused", "reason" => "no_session", "tier" => "none")
        .increment(1);
        Ok(answer)
    }
}

/// How long the node may take for a handshake that came at `begun`.
fn patience(begun: Instant) -> Duration {
    PATIENCE.saturating_sub(begun.elapsed()).max(LEAST_PATIENCE)
}

fn counted(refusal: Refusal) -> Refusal {
    metrics::counter!("sovereign_gate_admissions_total",
        "outcome" => "refused", "reason" => refusal.label(), "tier" => "none")
    .increment(1);
    tracing::info!(code = refusal.code(), reason = refusal.label(), "handshake refused");
    refusal
}

fn count(outcome: &'static str, reason: &'static str, grant: &Grant) {
    metrics::counter!("sovereign_gate_admissions_total",
        "outcome" => outcome, "reason" => reason, "tier" => grant.tier())
    .increment(1);
}
