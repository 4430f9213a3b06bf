//! Evaluates queued sessions concurrently and applies admission's verdict on each.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sovereign_tunnel::RestoreOutcome;

use super::evictor::Evictor;
use super::reevaluation_queue::{QueuedSession, Reason, ReevaluationQueue};
use super::{EnforcerDeps, is_open};
use crate::admission::basis_choice::sessions_to_evict;
use crate::admission::{Admission, Grant, RecordedBasis, Sessions, Verdict};
use crate::store::clock::Clock;
use crate::store::{ClaimError, EvictionCause, Reservation, SessionRecord, SessionState, Store};

/// Maximum concurrent evaluations of sessions without a reported loss.
const MAX_BACKGROUND_EVALUATIONS: usize = 64;
/// Maximum concurrent evaluations in all: no number of background evaluations delays a loss.
const MAX_CONCURRENT_EVALUATIONS: usize = 2 * MAX_BACKGROUND_EVALUATIONS;
/// Maximum wait of a session for the evaluation of its holder's other sessions, however often those are queued.
const MAX_WAIT_FOR_OTHERS: Duration = Duration::from_millis(1200);

/// Takes queued sessions, evaluates each and applies the verdict.
pub(super) struct ReevaluationWorker {
    store: Store,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    queue: Arc<ReevaluationQueue>,
}

impl ReevaluationWorker {
    pub(super) fn new(deps: &EnforcerDeps, queue: Arc<ReevaluationQueue>) -> Self {
        Self {
            store: deps.store.clone(),
            admission: Arc::clone(&deps.admission),
            sessions: Arc::clone(&deps.sessions),
            evictor: Arc::clone(&deps.evictor),
            clock: Arc::clone(&deps.clock),
            queue,
        }
    }

    /// Evaluates due sessions. Never returns.
    pub(super) async fn run(&self) {
        let mut running = FuturesUnordered::new();
        let mut background = 0;
        loop {
            tokio::select! {
                // A decision is as old as its reads: events since then were matched with the former basis.
                sessions = self.evictor.take_rebased_sessions() => self.queue.add(sessions, Reason::Loss),
                due = self.queue.take(background >= MAX_BACKGROUND_EVALUATIONS), if running.len() < MAX_CONCURRENT_EVALUATIONS => {
                    let in_background = usize::from(!due.is_loss());
                    background += in_background;
                    running.push(async move {
                        self.evaluate(&due).await;
                        in_background
                    });
                }
                Some(in_background) = running.next(), if !running.is_empty() => background -= in_background,
            }
        }
    }

    async fn evaluate(&self, due: &QueuedSession) {
        let Some(record) = self.store.sessions().get(due.session).filter(|record| is_open(record)) else {
            return self.queue.done(due);
        };
        let verdict = if record.is_live() {
            self.admission.reevaluate(&record).await
        } else {
            self.admission.search_basis(&record, due.searches).await
        };
        let outcome = match verdict {
            Verdict::Keep { grants, cause, is_incomplete } => {
                let if_full = IfFull { cause, is_open: is_incomplete };
                self.choose_basis(due, &record, &grants, if_full).await
            }
            Verdict::Evict { cause, .. } if !record.is_live() => {
                // A session that has ended on the hub is not restored by a repeated handshake either.
                if cause == EvictionCause::Cancelled {
                    self.evict(due, cause).await;
                }
                EvaluationOutcome::Done
            }
            Verdict::Evict { cause, is_incomplete } => self.evict_for_loss(due, cause, is_incomplete).await,
            Verdict::Unknown => self.handle_unknown(due, &record).await,
        };
        match outcome {
            EvaluationOutcome::Done => self.queue.done(due),
            EvaluationOutcome::Again => self.queue.retry(due, self.admission.policy().unverified_grace()),
            EvaluationOutcome::Search => self.queue.search_basis(due),
        }
    }

    /// Evicts a session. Afterwards another basis is searched, unless this evaluation was the only one and checked
    /// every candidate.
    async fn evict_for_loss(
        &self,
        due: &QueuedSession,
        cause: EvictionCause,
        is_open: bool,
    ) -> EvaluationOutcome {
        self.evict(due, cause).await;
        let may_be_found = is_open || self.queue.is_overlapped(due);
        if may_be_found && cause.is_self_restoring() {
            EvaluationOutcome::Search
        } else {
            EvaluationOutcome::Done
        }
    }

    async fn evict(&self, due: &QueuedSession, cause: EvictionCause) {
        let since = due.loss_at.unwrap_or(due.since);
        self.evictor.evict(&[due.session], cause, since).await;
    }

    /// Handles a session while Ethereum cannot be read: an expired session is evicted, and so is one whose possible
    /// loss was reported longer ago than the grace period. Any other session stays as it is.
    async fn handle_unknown(&self, due: &QueuedSession, record: &SessionRecord) -> EvaluationOutcome {
        let grace = self.admission.policy().unverified_grace();
        if record.is_live() && record.expires_at <= self.clock.unix() {
            self.evict(due, EvictionCause::Expired).await;
        } else if record.is_live() && due.loss_at.is_some_and(|at| at.elapsed() >= grace) {
            self.evict(due, EvictionCause::Unverified).await;
        }
        EvaluationOutcome::Again
    }

    /// Rests a session on the first of `grants` whose holder has a free device slot.
    async fn choose_basis(
        &self,
        due: &QueuedSession,
        record: &Arc<SessionRecord>,
        grants: &[Grant],
        if_full: IfFull,
    ) -> EvaluationOutcome {
        let now = self.clock.unix();
        let mut full = Vec::new();
        for grant in grants {
            let basis = self.admission.recorded_basis(grant);
            if basis.expires_at <= now {
                continue;
            }
            let has_place = record.has_device_slot_of(basis.holder(), basis.tier);
            let place = if has_place { Ok(None) } else { self.claim(record, grant).map(Some) };
            match place {
                Ok(place) => {
                    let looked = self.apply_basis(due, record, grant, &basis).await;
                    drop(place);
                    return looked;
                }
                Err(conflict) => full.push((grant, basis, conflict)),
            }
        }
        if !record.is_live() {
            return if if_full.is_open { EvaluationOutcome::Again } else { EvaluationOutcome::Done };
        }
        for (grant, basis, conflict) in &full {
            if self.displace_others(due, record, grant, conflict).await
                && let Ok(place) = self.claim(record, grant)
            {
                let looked = self.apply_basis(due, record, grant, basis).await;
                drop(place);
                return looked;
            }
        }
        if due.since.elapsed() < MAX_WAIT_FOR_OTHERS && self.others_are_open(record, &full) {
            return EvaluationOutcome::Again;
        }
        let has_no_place =
            |holder: &Address| full.iter().any(|(_, basis, _)| basis.holder() == Some(*holder));
        match record.holder().filter(has_no_place) {
            _ if full.is_empty() => self.evict_for_loss(due, EvictionCause::Expired, false).await,
            Some(holder) if self.admission.move_to_other_holder(record, holder).await => {
                EvaluationOutcome::Done
            }
            Some(_) => self.evict_for_loss(due, EvictionCause::DeviceLimit, false).await,
            // Its own basis is not known to be lost.
            None if if_full.cause == EvictionCause::Unverified => self.handle_unknown(due, record).await,
            // The full slots of other holders say nothing about its own basis: it is handled as any other loss.
            None => self.evict_for_loss(due, if_full.cause, if_full.is_open).await,
        }
    }

    fn claim(&self, record: &SessionRecord, grant: &Grant) -> Result<Reservation, ClaimError> {
        self.store.sessions().claim(self.admission.claim_for(record, grant))
    }

    /// Whether sessions that occupy the slots are still to be evaluated: they may free them.
    fn others_are_open(&self, record: &SessionRecord, full: &[(&Grant, RecordedBasis, ClaimError)]) -> bool {
        let in_the_way = full.iter().flat_map(|(_, _, conflict)| match conflict {
            ClaimError::DeviceLimit { sessions, .. } => sessions.as_slice(),
            _ => &[],
        });
        in_the_way.filter(|id| **id != record.session_id).any(|id| self.queue.is_open(*id))
    }

    /// Frees a slot of a holder with too many sessions, unless this session is among those to leave: other sessions
    /// move to another basis if they have one, or are evicted.
    async fn displace_others(
        &self,
        due: &QueuedSession,
        record: &Arc<SessionRecord>,
        grant: &Grant,
        full: &ClaimError,
    ) -> bool {
        let (Grant::Card { choice, .. }, ClaimError::DeviceLimit { sessions, recorded, limit }) =
            (grant, full)
        else {
            return false;
        };
        let mut records: Vec<Arc<SessionRecord>> =
            recorded.iter().filter_map(|id| self.store.sessions().get(*id)).collect();
        let limit = limit.saturating_sub(sessions.len() - recorded.len());
        records.push(Arc::clone(record));
        // A session that was restored on the card of another holder does not displace sessions that were never evicted.
        let came_back = record.evicted_at.is_some() && record.holder() != Some(choice.holder());
        let newest_stay = self.admission.policy().drops_oldest(choice.basis.tier);
        // A session that has another basis can move without a loss, whatever its age.
        let mut too_many = sessions_to_evict(&records, limit, newest_stay).len();
        let others = records.iter().filter(|other| other.session_id != record.session_id);
        for other in others {
            if too_many > 0 && self.admission.move_to_other_holder(other, choice.holder()).await {
                too_many -= 1;
            }
        }
        if too_many == 0 || came_back {
            return too_many == 0;
        }
        let left: Vec<Arc<SessionRecord>> = records
            .iter()
            .filter_map(|known| self.store.sessions().get(known.session_id))
            .filter(|now| now.session_id == record.session_id || now.holder() == Some(choice.holder()))
            .collect();
        let leaving = sessions_to_evict(&left, limit, newest_stay);
        if leaving.contains(&record.session_id) {
            return false;
        }
        self.evictor.evict(&leaving, EvictionCause::DeviceLimit, due.since).await;
        true
    }

    async fn apply_basis(
        &self,
        due: &QueuedSession,
        record: &Arc<SessionRecord>,
        grant: &Grant,
        basis: &RecordedBasis,
    ) -> EvaluationOutcome {
        let new = basis.apply_to(record);
        if record.state == SessionState::Live {
            // A new decision block alone needs no write.
            if (SessionRecord { decision_block: record.decision_block, ..new.clone() }) == **record {
                return EvaluationOutcome::Done;
            }
            return match self.evictor.update(record, new).await {
                Ok(()) => EvaluationOutcome::Done,
                Err(error) => {
                    tracing::warn!(%error, session = record.session_id, "cannot write what a session rests on");
                    EvaluationOutcome::Again
                }
            };
        }
        if self.store.pauses().current().is_some() {
            return EvaluationOutcome::Done;
        }
        // Without a session on the hub the traffic is not metered, and the address may belong to another peer.
        match self.sessions.is_live(record.session_id).await {
            Ok(true) => {}
            Ok(false) => return EvaluationOutcome::Done,
            Err(_) => return EvaluationOutcome::Again,
        }
        let is_current = || !self.queue.may_have_lost(due);
        match self.evictor.restore(record, new, is_current).await {
            Ok(RestoreOutcome::Passing) => {
                // A pause that began since the check above has not evicted this session.
                if self.evictor.evict_if_paused(record.session_id, grant).await.is_err() {
                    tracing::info!(session = record.session_id, "a peer came back into a pause: out again");
                }
                EvaluationOutcome::Done
            }
            Ok(RestoreOutcome::NotThere) => {
                if self.evictor.mark_lost(record.session_id).await {
                    EvaluationOutcome::Done
                } else {
                    EvaluationOutcome::Again
                }
            }
            Ok(RestoreOutcome::AddressTaken) => {
                tracing::info!(session = record.session_id, "the address of a peer is taken");
                EvaluationOutcome::Done
            }
            Err(error) => {
                tracing::warn!(%error, session = record.session_id, "a peer cannot be let back now");
                EvaluationOutcome::Again
            }
        }
    }
}

/// How a session is handled if no holder of a basis found has a free slot.
#[derive(Debug, Clone, Copy)]
struct IfFull {
    cause: EvictionCause,
    /// Another basis may be found later.
    is_open: bool,
}

/// Result of an evaluation.
enum EvaluationOutcome {
    /// Nothing is left to do.
    Done,
    /// The evaluation must be retried.
    Again,
    /// The session was evicted, and not every candidate basis was checked.
    Search,
}
