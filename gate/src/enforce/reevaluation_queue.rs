//! Queue of sessions to re-evaluate. A session is queued once however often it is added, and again when its
//! evaluation gave no result.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use service_runtime::backoff::ExponentialBackoff;
use sovereign_contracts::follower::Cursor;
use tokio::sync::Notify;

const RETRY_MAX: Duration = Duration::from_secs(30);
/// Delays between evaluations without a result.
const RETRY: ExponentialBackoff =
    ExponentialBackoff::new(Duration::from_millis(500), RETRY_MAX).without_jitter();
/// Interval between writes of the cursor in Ethereum's events.
pub(super) const CURSOR_SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a session is queued, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Its entitlement may have ended. It is evaluated before all others, and may stay unverified for a bounded time.
    Loss,
    /// An event concerns it, such as a sign-in or a received card. Strangers can cause such events, so they never delay
    /// a loss.
    Change,
    /// Any other reason: a change of policy, a start, the clock.
    Other,
}

/// A session that is queued, or that a worker has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueuedSession {
    pub(super) session: u64,
    /// When it was first queued.
    pub(super) since: Instant,
    /// When it was first queued for a loss that is not handled yet.
    pub(super) loss_at: Option<Instant>,
    reason: Reason,
    /// Number of the addition that queued it first.
    ticket: u64,
    /// Evaluations without a result since it was added last.
    pub(super) tries: u32,
    /// Evaluations without a result in all. New additions do not reset it: it tells where a basis search continues.
    pub(super) searches: u32,
    not_before: Instant,
    /// Number of the evaluation, once a worker has taken the session.
    look: u64,
}

/// A running evaluation of a session.
#[derive(Debug, Clone, Copy)]
struct Evaluation {
    due: QueuedSession,
    /// Whether another evaluation of the same session began while this one ran.
    is_overlapped: bool,
}

/// Maximum concurrent evaluations of one session: a loss does not wait for an evaluation that began before it.
const MAX_EVALUATIONS_PER_SESSION: usize = 3;

impl QueuedSession {
    pub(super) fn is_loss(&self) -> bool {
        self.reason == Reason::Loss
    }
}

/// Queued sessions and running evaluations.
#[derive(Debug, Default)]
struct State {
    due: HashMap<u64, QueuedSession>,
    /// Queued sessions that a worker may take, by time: one set for each [`Reason`], the most urgent first.
    orders: [BTreeSet<(Instant, u64)>; 3],
    /// Running evaluations by session.
    in_progress: HashMap<u64, Vec<Evaluation>>,
    looks: u64,
    tickets: u64,
    /// Cursors in Ethereum's events, each with the ticket up to which sessions must be done before it counts.
    cursors: VecDeque<(u64, Cursor)>,
}

impl State {
    fn insert(&mut self, due: QueuedSession) {
        self.remove(due.session);
        if self.can_be_taken(&due) {
            self.order(due.reason).insert((due.not_before, due.session));
        }
        self.due.insert(due.session, due);
    }

    fn remove(&mut self, session: u64) -> Option<QueuedSession> {
        let due = self.due.remove(&session)?;
        self.order(due.reason).remove(&(due.not_before, session));
        Some(due)
    }

    /// A session is evaluated once at a time, except that a loss starts another evaluation beside earlier ones.
    fn can_be_taken(&self, due: &QueuedSession) -> bool {
        let looks = self.in_progress.get(&due.session).map_or(0, Vec::len);
        looks == 0 || (due.reason == Reason::Loss && looks < MAX_EVALUATIONS_PER_SESSION)
    }

    fn start_evaluation(&mut self, session: u64) -> Option<QueuedSession> {
        let due = self.remove(session)?;
        self.looks += 1;
        let due = QueuedSession { look: self.looks, ..due };
        let looks = self.in_progress.entry(session).or_default();
        for look in looks.iter_mut() {
            look.is_overlapped = true;
        }
        looks.push(Evaluation { due, is_overlapped: false });
        Some(due)
    }

    /// Removes an ended evaluation. If its session was added again, a worker may take it.
    fn end_evaluation(&mut self, ended: &QueuedSession) {
        if let Some(looks) = self.in_progress.get_mut(&ended.session) {
            looks.retain(|look| look.due.look != ended.look);
            if looks.is_empty() {
                self.in_progress.remove(&ended.session);
            }
        }
        if let Some(due) = self.due.get(&ended.session).copied() {
            self.insert(due);
        }
    }

    fn order(&mut self, reason: Reason) -> &mut BTreeSet<(Instant, u64)> {
        let [losses, changes, others] = &mut self.orders;
        match reason {
            Reason::Loss => losses,
            Reason::Change => changes,
            Reason::Other => others,
        }
    }
}

/// Sessions that are to be re-evaluated.
#[derive(Debug, Default)]
pub(super) struct ReevaluationQueue {
    state: Mutex<State>,
    added: Notify,
}

impl ReevaluationQueue {
    pub(super) fn add(&self, sessions: impl IntoIterator<Item = u64>, reason: Reason) {
        let now = Instant::now();
        let mut sessions = sessions.into_iter().peekable();
        if sessions.peek().is_none() {
            return;
        }
        {
            let mut state = self.state();
            state.tickets += 1;
            let ticket = state.tickets;
            let loss_at = (reason == Reason::Loss).then_some(now);
            for session in sessions {
                // An addition cancels the retry delay; the age of the session stays.
                let due = match state.due.get(&session) {
                    Some(known) => QueuedSession {
                        not_before: known.not_before.min(now),
                        tries: 0,
                        loss_at: known.loss_at.or(loss_at),
                        reason: known.reason.min(reason),
                        ..*known
                    },
                    None => QueuedSession {
                        session,
                        since: now,
                        loss_at,
                        reason,
                        ticket,
                        tries: 0,
                        searches: 0,
                        not_before: now,
                        look: 0,
                    },
                };
                state.insert(due);
            }
        }
        self.added.notify_one();
    }

    /// Adds sessions that are not open yet. For reasons that repeat: an open session keeps its position and its retry
    /// delay.
    pub(super) fn add_once(&self, sessions: impl IntoIterator<Item = u64>) {
        let new: Vec<u64> = sessions.into_iter().filter(|id| !self.is_open(*id)).collect();
        if !new.is_empty() {
            self.add(new, Reason::Other);
        }
    }

    /// Whether a session is queued or being evaluated.
    pub(super) fn is_open(&self, session: u64) -> bool {
        let state = self.state();
        state.due.contains_key(&session) || state.in_progress.contains_key(&session)
    }

    /// Whether a session was added for a loss since this evaluation began.
    pub(super) fn may_have_lost(&self, due: &QueuedSession) -> bool {
        let state = self.state();
        let looks = state.in_progress.get(&due.session).into_iter().flatten().map(|look| &look.due);
        let mut since = looks.filter(|look| look.look > due.look).chain(state.due.get(&due.session));
        since.any(QueuedSession::is_loss)
    }

    /// Whether a session was added or taken again since this evaluation began.
    pub(super) fn is_overlapped(&self, due: &QueuedSession) -> bool {
        let state = self.state();
        let looks = state.in_progress.get(&due.session).into_iter().flatten();
        let mut overlapped = looks.filter(|look| look.due.look == due.look).map(|look| look.is_overlapped);
        state.due.contains_key(&due.session) || overlapped.any(|overlapped| overlapped)
    }

    /// Records that all sessions concerned by events up to `cursor` are queued.
    pub(super) fn record_cursor(&self, cursor: Cursor) {
        let mut state = self.state();
        let ticket = state.tickets;
        // No session was added since the last cursor, so the new one replaces it.
        if state.cursors.back().is_some_and(|(last, _)| *last == ticket) {
            state.cursors.pop_back();
        }
        state.cursors.push_back((ticket, cursor));
    }

    /// Takes the newest cursor such that all sessions queued before it are done.
    pub(super) fn take_completed_cursor(&self) -> Option<Cursor> {
        let mut state = self.state();
        let in_hand = state.in_progress.values().flatten().map(|look| &look.due);
        let open = state.due.values().chain(in_hand).map(|due| due.ticket).min();
        let mut settled = None;
        while let Some((ticket, cursor)) = state.cursors.front().copied() {
            if open.is_some_and(|open| open <= ticket) {
                break;
            }
            state.cursors.pop_front();
            settled = Some(cursor);
        }
        settled
    }

    /// Takes the most urgent session that is due; waits until there is one. `only_losses` leaves all others queued.
    pub(super) async fn take(&self, only_losses: bool) -> QueuedSession {
        loop {
            let (taken, next) = self.try_take(only_losses);
            if let Some(due) = taken {
                return due;
            }
            let pause = next.map_or(RETRY_MAX, |at| at.saturating_duration_since(Instant::now()));
            // Timed out or notified: try again in both cases.
            let _ = tokio::time::timeout(pause, self.added.notified()).await;
        }
    }

    fn try_take(&self, only_losses: bool) -> (Option<QueuedSession>, Option<Instant>) {
        let mut state = self.state();
        let now = Instant::now();
        let orders = if only_losses { &state.orders[..1] } else { &state.orders[..] };
        let firsts = orders.iter().filter_map(BTreeSet::first);
        let Some((_, session)) = firsts.clone().find(|(not_before, _)| *not_before <= now).copied() else {
            return (None, firsts.map(|(not_before, _)| *not_before).min());
        };
        (state.start_evaluation(session), None)
    }

    /// Ends an evaluation with a result.
    pub(super) fn done(&self, due: &QueuedSession) {
        self.state().end_evaluation(due);
        self.added.notify_one();
    }

    /// Ends an evaluation without a result and queues the session again with a delay, which ends at the latest when
    /// `grace` has passed since the possible loss.
    pub(super) fn retry(&self, due: &QueuedSession, grace: Duration) {
        let mut not_before = Instant::now() + RETRY.delay(due.tries);
        if let Some(end) = due.loss_at.map(|at| at + grace).filter(|end| *end > Instant::now()) {
            not_before = not_before.min(end);
        }
        self.put_back(
            due,
            QueuedSession {
                tries: due.tries + 1,
                searches: due.searches.wrapping_add(1),
                not_before,
                ..*due
            },
        );
    }

    /// Queues an evicted session at once, behind the urgent ones, to search for another basis.
    pub(super) fn search_basis(&self, due: &QueuedSession) {
        self.put_back(
            due,
            QueuedSession {
                tries: 0,
                loss_at: None,
                reason: Reason::Other,
                not_before: Instant::now(),
                ..*due
            },
        );
    }

    fn put_back(&self, due: &QueuedSession, later: QueuedSession) {
        {
            let mut state = self.state();
            state.end_evaluation(due);
            // The session was added again during the evaluation: that addition decides on time, the age stays.
            let next = match state.due.get(&due.session) {
                Some(known) => QueuedSession {
                    since: due.since,
                    ticket: due.ticket,
                    loss_at: later.loss_at.or(known.loss_at),
                    reason: later.reason.min(known.reason),
                    searches: later.searches,
                    ..*known
                },
                None => later,
            };
            state.insert(next);
        }
        self.added.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Poisoning is harmless: the maps are changed by whole entries.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
