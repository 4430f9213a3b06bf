//! Use case of a handshake: decide, lock the session, forward, record, answer; and replay of a repeated one.
//!
//! Knows no HTTP headers: `edge` parses the request, forwards it as [`HandshakeForwarder`] and writes the answer.

mod forwarder;
mod recorder;
mod session_locks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt as _;
use http::StatusCode;
use sentinel_proto::handshake::Service;
use tokio::sync::watch;
use tracing::{Instrument as _, instrument};

pub use self::forwarder::{ForwardError, HandshakeAnswer, HandshakeForwarder};
use self::recorder::Recorder;
use self::session_locks::{SessionLockGuard, SessionLocks};
use crate::admission::{Admission, Admitted, Grant, NoSession, Outcome, Repeated, decision_path};
use crate::enforce::{Enforcer, RepeatOutcome};
use crate::node::NodeState;
use crate::refusal::Refusal;
use crate::request_span;
use crate::run_to_completion::RunToCompletion;
use crate::store::Store;
use crate::store::clock::Clock;

/// Timeout of a whole handshake: stock clients give up after 5 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(2800);
/// Minimum time for the node, however long the decision took.
const MIN_NODE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time limit and interval of retries to record a session.
const RECORD_RETRY_TIMEOUT: Duration = Duration::from_secs(3600);
const RECORD_RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Components that a [`HandshakeHandler`] needs.
pub struct HandshakeDeps<F> {
    /// Decides on handshakes.
    pub admission: Arc<Admission>,
    /// Checks and restores recorded sessions, and confirms new ones.
    pub enforcer: Arc<Enforcer>,
    /// Client of the node.
    pub forwarder: Arc<F>,
    /// Session records, their answers and intents.
    pub store: Store,
    /// Time of admissions.
    pub clock: Arc<dyn Clock>,
    /// Configured tunnel service; `None`: the one that the node reports.
    pub service: Option<Service>,
    /// State of the node.
    pub node: watch::Receiver<NodeState>,
}

/// Handles handshakes.
pub struct HandshakeHandler<F> {
    admission: Arc<Admission>,
    enforcer: Arc<Enforcer>,
    forwarder: Arc<F>,
    store: Store,
    recorder: Recorder,
    session_locks: Arc<SessionLocks>,
    service: Option<Service>,
    node: watch::Receiver<NodeState>,
}

impl<F: HandshakeForwarder> HandshakeHandler<F> {
    /// Creates a handler of these components.
    pub fn new(deps: HandshakeDeps<F>) -> Self {
        let HandshakeDeps { admission, enforcer, forwarder, store, clock, service, node } = deps;
        let recorder = Recorder::new(store.clone(), Arc::clone(&admission), clock);
        let session_locks = Arc::default();
        Self { admission, enforcer, forwarder, store, recorder, session_locks, service, node }
    }

    /// Answers a handshake.
    pub async fn answer(
        self: Arc<Self>,
        request: F::Request,
        body: Bytes,
    ) -> Result<HandshakeAnswer, Refusal> {
        let begun = Instant::now();
        let answered = match Box::pin(self.decide(body.clone())).await {
            Ok(Outcome::Admitted(admitted)) => self.process_admitted(*admitted, request, begun).await,
            Ok(Outcome::Repeated(repeated)) => self.repeat(&repeated, body, request, begun).await,
            Ok(Outcome::NoSession(missing)) => self.answer_no_session(&missing, request, begun).await,
            Err(refusal) => Err(refusal),
        };
        metrics::histogram!("sovereign_gate_handshake_seconds").record(begun.elapsed());
        answered.map_err(log_refusal)
    }

    async fn decide(&self, body: Bytes) -> Result<Outcome, Refusal> {
        let begun = Instant::now();
        let service = self.service.or_else(|| self.node.borrow().service).ok_or(Refusal::NodeUnavailable)?;
        let verified = self.admission.verify(body, service)?;
        request_span::record_session(verified.session_id());
        request_span::record_account(verified.account());
        let span = tracing::debug_span!("decide", %service, hub_up = self.admission.is_hub_up());
        // Type-erased: the nested futures would exceed the compiler's limit of recursion.
        let decision = self.admission.decide(verified).boxed().instrument(span);
        let (outcome, path) = decision_path::record_path(decision).await;
        metrics::histogram!("sovereign_gate_admission_seconds", "path" => path).record(begun.elapsed());
        outcome
    }

    /// Answers the repeated handshake of a live session. If the session was evicted meanwhile, the handshake is decided
    /// again as that of an evicted session.
    async fn repeat(
        self: Arc<Self>,
        repeated: &Repeated,
        body: Bytes,
        request: F::Request,
        begun: Instant,
    ) -> Result<HandshakeAnswer, Refusal> {
        match self.enforcer.repeat_live(repeated).instrument(tracing::debug_span!("repeat_live")).await {
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
                Outcome::Admitted(admitted) => self.process_admitted(*admitted, request, begun).await,
                Outcome::NoSession(missing) => self.answer_no_session(&missing, request, begun).await,
                Outcome::Repeated(_) => Err(Refusal::NodeUnavailable),
            },
        }
    }

    /// Processes an admitted handshake. Runs to completion even if the client disconnects or the node exceeds the
    /// timeout: a session that the node accepted must be recorded, and the next attempt is answered from the record.
    async fn process_admitted(
        self: Arc<Self>,
        admitted: Admitted,
        request: F::Request,
        begun: Instant,
    ) -> Result<HandshakeAnswer, Refusal> {
        let answered = tokio::time::timeout(node_timeout(begun), async {
            let lock = self.session_locks.lock(admitted.verified().session_id()).await;
            let work = Arc::clone(&self).answer_or_forward(lock, admitted, request);
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
        request: F::Request,
    ) -> Result<HandshakeAnswer, Refusal> {
        match self.enforcer.repeat(&admitted).instrument(tracing::debug_span!("repeat")).await {
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
        self.forward(lock, admitted, request).await
    }

    /// Forwards, records, and answers with the bytes of the node.
    async fn forward(
        self: Arc<Self>,
        lock: SessionLockGuard,
        admitted: Admitted,
        request: F::Request,
    ) -> Result<HandshakeAnswer, Refusal> {
        // An earlier intent with unknown outcome stays unresolved: a refusal of this handshake does not resolve it.
        let verified = admitted.verified();
        let open = self.store.intents().has_unresolved(verified.session_id(), &verified.peer().to_string());
        let intent = self.recorder.intend(&admitted).await.map_err(|error| {
            tracing::error!(%error, "handshake refused: sessions cannot be recorded");
            Refusal::Internal
        })?;
        let answer = match self.forwarder.forward_admitted(&admitted, request).await {
            Ok(answer) => answer,
            Err(error) => {
                if error.maybe_processed {
                    self.store.intents().keep_unresolved(intent);
                } else if !open {
                    self.store.intents().discard(&intent);
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
            self.confirm_admission(&admitted).await?;
            count_admission("admitted", "entitled", admitted.grant());
        } else {
            if !open {
                self.store.intents().discard(&intent);
            }
            count_admission("refused", "node", admitted.grant());
        }
        Ok(HandshakeAnswer::Node(answer))
    }

    /// Queues the recorded session for re-evaluation, and evicts it if a pause began since the decision.
    #[instrument(level = "debug", skip_all, fields(session = admitted.verified().session_id()))]
    async fn confirm_admission(&self, admitted: &Admitted) -> Result<(), Refusal> {
        self.enforcer.confirm_admission(admitted).await
    }

    /// Retries until the session is recorded: its peer is in the tunnel, so its key must count as in use. The next
    /// attempt of the client waits for the session lock and is answered from the record.
    async fn record_later(self: Arc<Self>, _lock: SessionLockGuard, admitted: Admitted, answer: Bytes) {
        let begun = Instant::now();
        while begun.elapsed() < RECORD_RETRY_TIMEOUT {
            tokio::time::sleep(RECORD_RETRY_INTERVAL).await;
            if self.recorder.record(&admitted, &answer).await.is_ok() {
                if self.confirm_admission(&admitted).await.is_ok() {
                    count_admission("admitted", "entitled", admitted.grant());
                }
                return;
            }
        }
        tracing::error!("accepted session never recorded, retries exhausted");
    }

    /// Returns the recorded answer to the same handshake. The stock node would refuse the repeated handshake of a client
    /// whose local start failed, and the paid session would be lost.
    async fn recorded_answer(&self, session: u64) -> Result<Option<HandshakeAnswer>, Refusal> {
        let answer = self.store.sessions().answer(session).await.map_err(|error| {
            // Forwarding is no alternative: the node would refuse the handshake, as if the session were lost.
            tracing::error!(%error, session, "cannot read a recorded answer");
            Refusal::Internal
        })?;
        Ok(answer.map(|bytes| HandshakeAnswer::Recorded(bytes.into())))
    }

    async fn answer_no_session(
        &self,
        missing: &NoSession,
        request: F::Request,
        begun: Instant,
    ) -> Result<HandshakeAnswer, Refusal> {
        // No state depends on this request, so it may be cancelled.
        let asked = tokio::time::timeout(
            node_timeout(begun),
            self.forwarder.forward_missing_session(missing, request),
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
        Ok(HandshakeAnswer::Node(answer))
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
