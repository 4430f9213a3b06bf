//! Use case of a handshake: decide, lock the session, forward, record, answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use sentinel_proto::handshake::Service;
use tokio::sync::watch;
use tracing::Instrument as _;

use self::session_locks::{SessionLockGuard, SessionLocks};
use super::envelope::{self, Body};
use super::upstream::Upstream;
use crate::admission::{Admission, Admitted, Grant, NoSession, Outcome, Repeated, decision_path};
use crate::enforce::{Enforcer, RepeatOutcome};
use crate::node::NodeState;
use crate::refusal::Refusal;
use crate::run_to_completion::RunToCompletion;
use crate::store::Store;
use crate::store::clock::Clock;

mod record;
mod session_locks;

/// Timeout of a whole handshake: stock clients give up after 5 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(2800);
/// Minimum time for the node, however long the decision took.
const MIN_NODE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time limit and interval of retries to record a session.
const RECORD_RETRY_TIMEOUT: Duration = Duration::from_secs(3600);
const RECORD_RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Handles handshakes.
pub struct HandshakeHandler {
    admission: Arc<Admission>,
    enforcer: Arc<Enforcer>,
    upstream: Arc<Upstream>,
    store: Store,
    recorder: record::Recorder,
    session_locks: Arc<SessionLocks>,
    /// Configured tunnel service; `None`: the one that the node reports.
    service: Option<Service>,
    node: watch::Receiver<NodeState>,
}

impl HandshakeHandler {
    /// Creates a handler that decides by `admission` and forwards to `upstream`.
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
        let session_locks = Arc::default();
        Self { admission, enforcer, upstream, store, recorder, session_locks, service, node }
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
            Ok(Outcome::Admitted(admitted)) => self.process_admitted(*admitted, parts, client, begun).await,
            Ok(Outcome::Repeated(repeated)) => self.repeat(&repeated, body, parts, client, begun).await,
            Ok(Outcome::NoSession(missing)) => self.answer_no_session(&missing, parts, client, begun).await,
            Err(refusal) => Err(refusal),
        };
        metrics::histogram!("sovereign_gate_handshake_seconds").record(begun.elapsed());
        answered.map(|answer| answer.map(envelope::full_body)).map_err(log_refusal)
    }

    async fn decide(&self, body: Bytes) -> Result<Outcome, Refusal> {
        let begun = Instant::now();
        let service = self.service.or_else(|| self.node.borrow().service).ok_or(Refusal::NodeUnavailable)?;
        let verified = self.admission.verify(body, service)?;
        let (outcome, path) = decision_path::record_path(Box::pin(self.admission.decide(verified))).await;
        metrics::histogram!("sovereign_gate_admission_seconds", "path" => path).record(begun.elapsed());
        outcome
    }

    /// Answers the repeated handshake of a live session. If the session was evicted meanwhile, the handshake is decided
    /// again as that of an evicted session.
    async fn repeat(
        self: Arc<Self>,
        repeated: &Repeated,
        body: Bytes,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        match self.enforcer.repeat_live(repeated).await {
            RepeatOutcome::Holds => {
                let answer =
                    self.recorded_answer(repeated.verified().session_id()).await?.ok_or(Refusal::Internal)?;
                metrics::counter!("sovereign_gate_admissions_total",
                    "outcome" => "admitted", "reason" => "repeat", "tier" => "none")
                .increment(1);
                Ok(answer)
            }
            RepeatOutcome::Over(refusal) => Err(refusal),
            RepeatOutcome::No => match Box::pin(self.decide(body)).await? {
                Outcome::Admitted(admitted) => self.process_admitted(*admitted, parts, client, begun).await,
                Outcome::NoSession(missing) => self.answer_no_session(&missing, parts, client, begun).await,
                Outcome::Repeated(_) => Err(Refusal::NodeUnavailable),
            },
        }
    }

    /// Processes an admitted handshake. Runs to completion even if the client disconnects or the node exceeds the
    /// timeout: a session that the node accepted must be recorded, and the next attempt is answered from the record.
    async fn process_admitted(
        self: Arc<Self>,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        let answered = tokio::time::timeout(node_timeout(begun), async {
            let lock = self.session_locks.lock(admitted.verified().session_id()).await;
            let work = Arc::clone(&self).answer_or_forward(lock, admitted, parts, client);
            RunToCompletion::new(work.in_current_span()).await
        });
        match answered.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!("handshake panicked");
                Err(Refusal::Internal)
            }
            Err(_) if self.admission.is_hub_up() => Err(Refusal::NodeUnavailable),
            Err(_) => Err(Refusal::HubUnavailable),
        }
    }

    /// Answers from the record, or forwards the handshake.
    async fn answer_or_forward(
        self: Arc<Self>,
        lock: SessionLockGuard,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Refusal> {
        match self.enforcer.repeat(&admitted).await {
            RepeatOutcome::No => {}
            RepeatOutcome::Over(refusal) => return Err(refusal),
            RepeatOutcome::Holds => {
                if let Some(answer) = self.recorded_answer(admitted.verified().session_id()).await? {
                    count_admission("admitted", "repeat", admitted.grant());
                    return Ok(answer);
                }
            }
        }
        // The node would query the hub again, in vain and for longer than clients wait.
        if !self.admission.is_hub_up() {
            return Err(Refusal::HubUnavailable);
        }
        // A session that the node accepts must be recorded.
        if let Some(trouble) = self.store.write_outage() {
            tracing::error!(why = trouble.why, "handshake refused: sessions cannot be recorded");
            return Err(Refusal::Internal);
        }
        self.forward(lock, admitted, parts, client).await
    }

    /// Forwards, records, and answers with the bytes of the node.
    async fn forward(
        self: Arc<Self>,
        lock: SessionLockGuard,
        admitted: Admitted,
        parts: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Refusal> {
        // An earlier intent with unknown outcome stays unresolved: a refusal of this handshake does not resolve it.
        let verified = admitted.verified();
        let open = self.store.has_unresolved_intent(verified.session_id(), &verified.peer().to_string());
        let intent = self.recorder.intend(&admitted).await.map_err(|error| {
            tracing::error!(%error, "handshake refused: sessions cannot be recorded");
            Refusal::Internal
        })?;
        let answer = match self.upstream.forward_admitted(&admitted, parts, client).await {
            Ok(answer) => answer,
            Err(error) => {
                if error.maybe_processed {
                    self.store.keep_unresolved_intent(intent);
                } else if !open {
                    self.store.discard_intent(&intent);
                }
                return Err(error.refusal);
            }
        };
        if answer.status() == StatusCode::OK {
            if let Err(error) = self.recorder.record(&admitted, answer.body()).await {
                tracing::error!(%error, "accepted session cannot be recorded, retrying");
                tokio::spawn(self.record_later(lock, admitted, answer.into_body()).in_current_span());
                return Err(Refusal::Internal);
            }
            self.admission.touch_binding(admitted.grant());
            self.enforcer.confirm_admission(&admitted).await?;
            count_admission("admitted", "entitled", admitted.grant());
        } else {
            if !open {
                self.store.discard_intent(&intent);
            }
            count_admission("refused", "node", admitted.grant());
        }
        Ok(answer)
    }

    /// Retries until the session is recorded: its peer is in the tunnel, so its key must count as in use. The next
    /// attempt of the client waits for the session lock and is answered from the record.
    async fn record_later(self: Arc<Self>, _lock: SessionLockGuard, admitted: Admitted, answer: Bytes) {
        let begun = Instant::now();
        while begun.elapsed() < RECORD_RETRY_TIMEOUT {
            tokio::time::sleep(RECORD_RETRY_INTERVAL).await;
            if self.recorder.record(&admitted, &answer).await.is_ok() {
                if self.enforcer.confirm_admission(&admitted).await.is_ok() {
                    count_admission("admitted", "entitled", admitted.grant());
                }
                return;
            }
        }
        tracing::error!("accepted session never recorded, retries exhausted");
    }

    /// Returns the recorded answer to the same handshake. The stock node would refuse the repeated handshake of a client
    /// whose local start failed, and the paid session would be lost.
    async fn recorded_answer(&self, session: u64) -> Result<Option<Response<Bytes>>, Refusal> {
        let answer = self.store.session_answer(session).await.map_err(|error| {
            // Forwarding is no alternative: the node would refuse the handshake, as if the session were lost.
            tracing::error!(%error, session, "cannot read a recorded answer");
            Refusal::Internal
        })?;
        Ok(answer.map(|bytes| envelope::recorded_response(bytes.into())))
    }

    async fn answer_no_session(
        &self,
        missing: &NoSession,
        parts: Parts,
        client: IpAddr,
        begun: Instant,
    ) -> Result<Response<Bytes>, Refusal> {
        // No state depends on this request, so it may be cancelled.
        let asked = tokio::time::timeout(
            node_timeout(begun),
            self.upstream.forward_missing_session(missing, parts, client),
        );
        let answer = asked.await.map_err(|_| Refusal::NodeUnavailable)??;
        // The session has appeared on the hub meanwhile: the next attempt is decided with it.
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

/// Returns the time left for the node in a handshake that arrived at `begun`.
fn node_timeout(begun: Instant) -> Duration {
    HANDSHAKE_TIMEOUT.saturating_sub(begun.elapsed()).max(MIN_NODE_TIMEOUT)
}

fn log_refusal(refusal: Refusal) -> Refusal {
    metrics::counter!("sovereign_gate_admissions_total",
        "outcome" => "refused", "reason" => refusal.label(), "tier" => "none")
    .increment(1);
    tracing::info!(code = refusal.code(), reason = refusal.label(), "handshake refused");
    refusal
}

fn count_admission(outcome: &'static str, reason: &'static str, grant: &Grant) {
    metrics::counter!("sovereign_gate_admissions_total",
        "outcome" => outcome, "reason" => reason, "tier" => grant.tier())
    .increment(1);
}
