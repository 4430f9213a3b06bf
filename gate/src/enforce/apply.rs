//! Looks at the named sessions, many at a time, and applies what admission decides, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, stream};

use super::queue::Due;
use super::tunnel::Restored;
use super::{Enforcer, is_open};
use crate::access::Entitlement;
use crate::admission::{Basis, Grant, Verdict};
use crate::store::{Cause, Claim, ClaimError, Reservation, SessionRecord, SessionState};

/// Sessions asked about at the same time.
const AT_ONCE: usize = 64;
/// Sessions taken from the queue at a time.
const BATCH: usize = 256;
/// Looks at a session that waits until others of its holder have gone.
const PATIENCE: u32 = 3;

/// A session, and what admission says of it; nothing if it is no longer there.
type Answer = (Due, Option<(Arc<SessionRecord>, Verdict)>);

impl Enforcer {
    pub(super) async fn work(&self) {
        loop {
            let due = self.queue.take(BATCH).await;
            let asked = stream::iter(due).map(|due| async move {
                let Some(record) = self.store.session(due.session).filter(|record| is_open(record)) else {
                    return (due, None);
                };
                let verdict = self.admission.reconsider(&record).await;
                (due, Some((record, verdict)))
            });
            // Whoever is slow to be told about keeps nobody in whose answer is there.
            let mut answers = asked.buffer_unordered(AT_ONCE).ready_chunks(BATCH);
            while let Some(answers) = answers.next().await {
                self.apply(answers).await;
            }
        }
    }

    /// First those go who have to, which frees places; then the others are given theirs.
    async fn apply(&self, answers: Vec<Answer>) {
        let mut leaving: BTreeMap<&'static str, (Cause, Vec<Due>)> = BTreeMap::new();
        let mut staying = Vec::new();
        for (due, answer) in answers {
            match answer.map(|(record, verdict)| (self.outcome(&record, verdict), record)) {
                None | Some((Outcome::Nothing, _)) => self.queue.done(&due),
                Some((Outcome::Later, _)) => self.queue.again(&due),
                Some((Outcome::Leaves(cause), _)) => {
                    leaving.entry(cause.label()).or_insert((cause, Vec::new())).1.push(due);
                }
                Some((Outcome::Stays(grants), record)) => staying.push((due, record, grants)),
            }
        }
        for (cause, leaving) in leaving.into_values() {
            let sessions: Vec<u64> = leaving.iter().map(|due| due.session).collect();
            let since = leaving.iter().map(|due| due.since).min().unwrap_or_else(Instant::now);
            self.evictor.evict(&sessions, cause, since).await;
            for due in &leaving {
                self.queue.done(due);
            }
        }
        staying.sort_by_key(|(_, record, grants)| self.turn(record, grants));
        for (due, record, grants) in staying {
            match self.keep(&due, &record, &grants).await {
                Kept::Rests => self.queue.done(&due),
                Kept::Later => self.queue.again(&due),
                Kept::NoPlace(cause) => {
                    self.evictor.evict(&[record.session_id], cause, due.since).await;
                    self.queue.done(&due);
                }
            }
        }
    }

    fn outcome(&self, record: &SessionRecord, verdict: Verdict) -> Outcome {
        let live = record.state == SessionState::Live;
        match verdict {
            Verdict::Keeps(grants) => Outcome::Stays(grants),
            Verdict::Loses(cause) if live => Outcome::Leaves(cause),
            Verdict::Loses(_) => Outcome::Nothing,
            // Its right has ended, and nobody can say that there is another one.
            Verdict::Unknown if live && record.expires_at <= self.clock.unix() => {
                Outcome::Leaves(Cause::Expired)
            }
            Verdict::Unknown => Outcome::Later,
        }
    }

    /// Where a holder has too many, each is asked for room in this order: the first ones go. Who is to come back
    /// comes after those who are in.
    fn turn(&self, record: &SessionRecord, grants: &[Grant]) -> (bool, i64) {
        let policy = self.admission.policy();
        let newest_stay = grants.iter().any(|grant| match grant {
            Grant::Card { entitlement, .. } => policy.drops_oldest(entitlement.tier),
            Grant::Probe => false,
        });
        let evicted = record.state == SessionState::Evicted;
        let oldest_first = newest_stay != evicted;
        (evicted, if oldest_first { record.admitted_at } else { -record.admitted_at })
    }

    /// Lets a session rest on the first of `grants` whose holder has a place for it.
    async fn keep(&self, due: &Due, record: &Arc<SessionRecord>, grants: &[Grant]) -> Kept {
        let now = self.clock.unix();
        let (mut full, mut waits) = (Cause::Expired, false);
        for grant in grants {
            let basis = self.admission.basis(grant);
            if basis.expires_at <= now {
                continue;
            }
            let place = match self.place(record, grant, &basis) {
                Ok(place) => place,
                Err(conflict) => {
                    waits |= self.goes_after_others(record, grant, &conflict);
                    full = Cause::DeviceLimit;
                    continue;
                }
            };
            let kept = self.rest(record, grant, &basis).await;
            drop(place);
            return kept;
        }
        if waits && due.tries < PATIENCE { Kept::Later } else { Kept::NoPlace(full) }
    }

    /// Whether so many of the holder's sessions have to go before this one that it stays. Their answers may be on their
    /// way still: who stays must not hang on whose came first.
    fn goes_after_others(&self, record: &SessionRecord, grant: &Grant, full: &ClaimError) -> bool {
        let (Grant::Card { entitlement, .. }, ClaimError::DeviceLimit { sessions, his, limit }) =
            (grant, full)
        else {
            return false;
        };
        let newest_stay = self.admission.policy().drops_oldest(entitlement.tier);
        let own = (record.admitted_at, record.session_id);
        let others = his.iter().filter_map(|id| self.store.session(*id));
        let goes_before = |other: &Arc<SessionRecord>| {
            let other = (other.admitted_at, other.session_id);
            if newest_stay { other < own } else { other > own }
        };
        let too_many = (sessions.len() + 1).saturating_sub(*limit);
        record.state == SessionState::Live && others.filter(goes_before).count() >= too_many
    }

    /// A device's place with the holder, where the session does not have one already.
    fn place(
        &self,
        record: &SessionRecord,
        grant: &Grant,
        basis: &Basis,
    ) -> Result<Option<Reservation>, ClaimError> {
        let Grant::Card { entitlement, .. } = grant else { return Ok(None) };
        if record.is_in_on(basis.wallet, basis.vault, basis.tier) {
            return Ok(None);
        }
        let claim = Claim {
            session_id: record.session_id,
            wallet: basis.wallet,
            vault: basis.vault,
            tier: basis.tier.to_owned(),
            service: record.service.clone(),
            peer_id: record.peer_id.clone(),
            devices: Some(self.devices(entitlement, basis.plan)),
        };
        self.store.claim(claim).map(Some)
    }

    /// How many devices a holder keeps. Each of his sessions was within the figure of its own plan when it came; the
    /// largest of these figures counts for all, or who began with a small plan would lose it to those that came after.
    fn devices(&self, holder: &Entitlement, plan: Option<u64>) -> usize {
        let others = self.store.live_sessions_of_holder(holder.wallet, holder.vault);
        let others = others.into_iter().filter_map(|id| self.store.session(id)).map(|record| record.plan);
        let figures = others.chain([plan]).map(|plan| self.admission.devices(holder.tier, plan));
        figures.max().unwrap_or(0) as usize
    }

    async fn rest(&self, record: &Arc<SessionRecord>, grant: &Grant, basis: &Basis) -> Kept {
        let new = basis.of(record);
        if record.state == SessionState::Live {
            // The block alone is no reason to write.
            if (SessionRecord { decision_block: record.decision_block, ..new.clone() }) == **record {
                return Kept::Rests;
            }
            return match self.evictor.update(new).await {
                Ok(()) => Kept::Rests,
                Err(error) => {
                    tracing::warn!(%error, session = record.session_id, "cannot write what a session rests on");
                    Kept::Later
                }
            };
        }
        if self.store.paused().is_some() {
            return Kept::Rests;
        }
        // Without a session on the hub nobody would count what flows, and the address may be another's.
        match self.sessions.is_live(record.session_id).await {
            Ok(true) => {}
            Ok(false) => return Kept::Rests,
            Err(_) => return Kept::Later,
        }
        match self.evictor.let_back(new).await {
            Ok(Restored::Passing) => {
                // Begun since the look above, it found nobody here to evict.
                if self.none_in_a_pause(record.session_id, grant).await.is_err() {
                    tracing::info!(session = record.session_id, "a peer came back into a pause: out again");
                }
                Kept::Rests
            }
            Ok(restored) => {
                tracing::info!(session = record.session_id, ?restored, "a peer cannot be let back");
                Kept::Rests
            }
            Err(error) => {
                tracing::warn!(%error, session = record.session_id, "a peer cannot be let back now");
                Kept::Later
            }
        }
    }
}

/// What a verdict means for a session as it is.
enum Outcome {
    Stays(Vec<Grant>),
    Leaves(Cause),
    Nothing,
    Later,
}

/// What came of keeping a session.
enum Kept {
    /// It is settled.
    Rests,
    /// It is to be tried again.
    Later,
    /// Nobody has a place for it, for this reason.
    NoPlace(Cause),
}
