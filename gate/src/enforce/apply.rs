//! Re-evaluates the named sessions, many at a time, and applies what admission decides of each as soon as it is known.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::queue::{Due, Reason};
use super::tunnel::Restored;
use super::{Enforcer, is_open};
use crate::admission::basis_choice::losers;
use crate::admission::{Grant, RecordedBasis, Verdict};
use crate::store::{Cause, ClaimError, SessionRecord, SessionState};

/// Sessions looked at at the same time that are not known to have lost anything.
const MAX_BACKGROUND: usize = 64;
/// Sessions looked at at the same time in all: no number of others delays a loss.
const MAX_CONCURRENT: usize = 2 * MAX_BACKGROUND;
/// How long a session waits until others of its holder were looked at, however often they are named.
const MAX_WAIT_FOR_OTHERS: Duration = Duration::from_millis(1200);

impl Enforcer {
    pub(super) async fn work(&self) {
        let mut running = FuturesUnordered::new();
        let mut background = 0;
        loop {
            tokio::select! {
                // A decision is as old as its reads: what happened since found the former basis in the record.
                sessions = self.evictor.on_new_bases() => self.queue.add(sessions, Reason::Loss),
                due = self.queue.take(background >= MAX_BACKGROUND), if running.len() < MAX_CONCURRENT => {
                    let in_background = usize::from(!due.is_loss());
                    background += in_background;
                    running.push(async move {
                        self.look(&due).await;
                        in_background
                    });
                }
                Some(in_background) = running.next(), if !running.is_empty() => background -= in_background,
            }
        }
    }

    async fn look(&self, due: &Due) {
        let Some(record) = self.store.session(due.session).filter(|record| is_open(record)) else {
            return self.queue.done(due);
        };
        let verdict = if record.is_live() {
            self.admission.reevaluate(&record).await
        } else {
            self.admission.search_basis(&record, due.searches).await
        };
        let outcome = match verdict {
            Verdict::Keeps { grants, cause, is_open } => {
                let if_full = IfFull { cause, is_open };
                self.keep(due, &record, &grants, if_full).await
            }
            Verdict::Loses { cause, .. } if !record.is_live() => {
                // What the hub has ended does not come back by a repeat either.
                if cause == Cause::Cancelled {
                    self.evict(due, cause).await;
                }
                Looked::Done
            }
            Verdict::Loses { cause, is_open } => self.lose(due, cause, is_open).await,
            Verdict::Unknown => self.doubt(due, &record).await,
        };
        match outcome {
            Looked::Done => self.queue.done(due),
            Looked::Again => self.queue.again(due, self.admission.policy().unverified_grace()),
            Looked::Search => self.queue.search(due),
        }
    }

    /// Evicts a session. Another basis is looked for afterwards unless everything was asked by the only look at it.
    async fn lose(&self, due: &Due, cause: Cause, is_open: bool) -> Looked {
        self.evict(due, cause).await;
        let may_be_found = is_open || self.queue.is_overlapped(due);
        if may_be_found && cause.heals() { Looked::Search } else { Looked::Done }
    }

    async fn evict(&self, due: &Due, cause: Cause) {
        let since = due.loss_at.unwrap_or(due.since);
        self.evictor.evict(&[due.session], cause, since).await;
    }

    /// Ethereum cannot be asked. A right that has ended by time, or that an event may have ended a while ago, does not
    /// last for that; any other one stays as it is.
    async fn doubt(&self, due: &Due, record: &SessionRecord) -> Looked {
        let grace = self.admission.policy().unverified_grace();
        if record.is_live() && record.expires_at <= self.clock.unix() {
            self.evict(due, Cause::Expired).await;
        } else if record.is_live() && due.loss_at.is_some_and(|at| at.elapsed() >= grace) {
            self.evict(due, Cause::Unverified).await;
        }
        Looked::Again
    }

    /// Lets a session rest on the first of `grants` whose holder has a place for it.
    async fn keep(
        &self,
        due: &Due,
        record: &Arc<SessionRecord>,
        grants: &[Grant],
        if_full: IfFull,
    ) -> Looked {
        let now = self.clock.unix();
        let mut full = Vec::new();
        for grant in grants {
            let basis = self.admission.recorded_basis(grant);
            if basis.expires_at <= now {
                continue;
            }
            let has_place = record.has_place_of(basis.holder(), basis.tier);
            let place = if has_place { Ok(None) } else { self.claim(record, grant).map(Some) };
            match place {
                Ok(place) => {
                    let looked = self.rest(due, record, grant, &basis).await;
                    drop(place);
                    return looked;
                }
                Err(conflict) => full.push((grant, basis, conflict)),
            }
        }
        if !record.is_live() {
            return if if_full.is_open { Looked::Again } else { Looked::Done };
        }
        for (grant, basis, conflict) in &full {
            if self.displace_others(due, record, grant, conflict).await
                && let Ok(place) = self.claim(record, grant)
            {
                let looked = self.rest(due, record, grant, basis).await;
                drop(place);
                return looked;
            }
        }
        if due.since.elapsed() < MAX_WAIT_FOR_OTHERS && self.others_are_open(record, &full) {
            return Looked::Again;
        }
        let has_no_place =
            |holder: &Address| full.iter().any(|(_, basis, _)| basis.holder() == Some(*holder));
        match record.holder().filter(has_no_place) {
            _ if full.is_empty() => self.lose(due, Cause::Expired, false).await,
            Some(holder) if self.admission.move_elsewhere(record, holder).await => Looked::Done,
            Some(_) => self.lose(due, Cause::DeviceLimit, false).await,
            // What it rests on is not known to be gone.
            None if if_full.cause == Cause::Unverified => self.doubt(due, record).await,
            // Others' places say nothing about its own right: it comes back as after any other loss.
            None => self.lose(due, if_full.cause, if_full.is_open).await,
        }
    }

    fn claim(&self, record: &SessionRecord, grant: &Grant) -> Result<crate::store::Reservation, ClaimError> {
        self.store.claim(self.admission.claim_for(record, grant))
    }

    /// Whether sessions in the way are to be looked at themselves: they may leave by themselves.
    fn others_are_open(&self, record: &SessionRecord, full: &[(&Grant, RecordedBasis, ClaimError)]) -> bool {
        let in_the_way = full.iter().flat_map(|(_, _, conflict)| match conflict {
            ClaimError::DeviceLimit { sessions, .. } => sessions.as_slice(),
            _ => &[],
        });
        in_the_way.filter(|id| **id != record.session_id).any(|id| self.queue.is_open(*id))
    }

    /// Makes room with a holder that has too many sessions, if this one is not among those that go: the others are
    /// moved to another basis where they have one, or evicted.
    async fn displace_others(
        &self,
        due: &Due,
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
            recorded.iter().filter_map(|id| self.store.session(*id)).collect();
        let limit = limit.saturating_sub(sessions.len() - recorded.len());
        records.push(Arc::clone(record));
        // One that came back by the cards of others takes no place of those that were not evicted.
        let came_back = record.evicted_at.is_some() && record.holder() != Some(choice.holder());
        let newest_stay = self.admission.policy().drops_oldest(choice.basis.tier);
        // One that has another basis gives way without a loss, whatever the order.
        let mut too_many = losers(&records, limit, newest_stay).len();
        let others = records.iter().filter(|other| other.session_id != record.session_id);
        for other in others {
            if too_many > 0 && self.admission.move_elsewhere(other, choice.holder()).await {
                too_many -= 1;
            }
        }
        if too_many == 0 || came_back {
            return too_many == 0;
        }
        let left: Vec<Arc<SessionRecord>> = records
            .iter()
            .filter_map(|known| self.store.session(known.session_id))
            .filter(|now| now.session_id == record.session_id || now.holder() == Some(choice.holder()))
            .collect();
        let leaving = losers(&left, limit, newest_stay);
        if leaving.contains(&record.session_id) {
            return false;
        }
        self.evictor.evict(&leaving, Cause::DeviceLimit, due.since).await;
        true
    }

    async fn rest(
        &self,
        due: &Due,
        record: &Arc<SessionRecord>,
        grant: &Grant,
        basis: &RecordedBasis,
    ) -> Looked {
        let new = basis.apply_to(record);
        if record.state == SessionState::Live {
            // The block alone is no reason to write.
            if (SessionRecord { decision_block: record.decision_block, ..new.clone() }) == **record {
                return Looked::Done;
            }
            return match self.evictor.update(record, new).await {
                Ok(()) => Looked::Done,
                Err(error) => {
                    tracing::warn!(%error, session = record.session_id, "cannot write what a session rests on");
                    Looked::Again
                }
            };
        }
        if self.store.paused().is_some() {
            return Looked::Done;
        }
        // Without a session on the hub nobody would count what flows, and the address may be another's.
        match self.sessions.is_live(record.session_id).await {
            Ok(true) => {}
            Ok(false) => return Looked::Done,
            Err(_) => return Looked::Again,
        }
        let is_current = || !self.queue.may_have_lost(due);
        match self.evictor.let_back(record, new, is_current).await {
            Ok(Restored::Passing) => {
                // Begun since the look above, it found nobody here to evict.
                if self.none_in_a_pause(record.session_id, grant).await.is_err() {
                    tracing::info!(session = record.session_id, "a peer came back into a pause: out again");
                }
                Looked::Done
            }
            Ok(Restored::NotThere) => {
                if self.evictor.lose(record.session_id).await {
                    Looked::Done
                } else {
                    Looked::Again
                }
            }
            Ok(Restored::AddressTaken) => {
                tracing::info!(session = record.session_id, "the address of a peer is taken");
                Looked::Done
            }
            Err(error) => {
                tracing::warn!(%error, session = record.session_id, "a peer cannot be let back now");
                Looked::Again
            }
        }
    }
}

/// What becomes of a session if no holder of a basis that was found has a place for it.
#[derive(Debug, Clone, Copy)]
struct IfFull {
    cause: Cause,
    /// Another basis may be found later.
    is_open: bool,
}

/// What came of a look at a session.
enum Looked {
    /// It is settled.
    Done,
    /// It is to be tried again.
    Again,
    /// It was evicted, and not everything that could entitle it was asked.
    Search,
}
