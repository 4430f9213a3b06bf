//! Sessions that are to be re-evaluated: each once, however often it is named, and again when it could not be told.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sovereign_contracts::follower::Cursor;
use tokio::sync::Notify;

const RETRY_INITIAL: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// How often the place in the events is written down.
pub(super) const REMEMBER: Duration = Duration::from_secs(1);

/// Why a session is named, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Its right may have ended: it is looked at before all others, and stays in doubt for a bounded time only.
    Loss,
    /// Something happened that concerns it, such as a sign-in or a gift. Strangers can cause that, so it never delays a
    /// loss.
    Change,
    /// Anything else: policy, a start, the clock.
    Other,
}

/// One session that is to be re-evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) session: u64,
    /// When it was named first.
    pub(super) since: Instant,
    /// When it was named first because its right may have ended, unless that is dealt with.
    pub(super) loss_at: Option<Instant>,
    reason: Reason,
    /// The event after which it was named first.
    ticket: u64,
    /// Vain looks so far, since it was named last.
    pub(super) tries: u32,
    /// Vain looks so far, however often it was named.
    pub(super) searches: u32,
    not_before: Instant,
    /// The number of the look, once it is taken.
    look: u64,
}

/// A session that is looked at.
#[derive(Debug, Clone, Copy)]
struct InHand {
    due: Due,
    /// Another look at the same session began meanwhile.
    is_overlapped: bool,
}

/// Looks at one session at the same time: a loss does not wait for a look from before it.
const MAX_LOOKS: usize = 3;

impl Due {
    pub(super) fn is_loss(&self) -> bool {
        self.reason == Reason::Loss
    }
}

/// What waits.
#[derive(Debug, Default)]
struct State {
    due: HashMap<u64, Due>,
    /// Those of them that can be taken, by time: one order for each reason, the most urgent first.
    orders: [BTreeSet<(Instant, u64)>; 3],
    /// Those that are looked at right now, by session.
    in_hand: HashMap<u64, Vec<InHand>>,
    looks: u64,
    tickets: u64,
    /// Places in Ethereum's events, and the ticket after which each counts.
    cursors: VecDeque<(u64, Cursor)>,
}

impl State {
    fn insert(&mut self, due: Due) {
        self.remove(due.session);
        if self.can_be_taken(&due) {
            self.order(due.reason).insert((due.not_before, due.session));
        }
        self.due.insert(due.session, due);
    }

    fn remove(&mut self, session: u64) -> Option<Due> {
        let due = self.due.remove(&session)?;
        self.order(due.reason).remove(&(due.not_before, session));
        Some(due)
    }

    /// One look at a time, but a loss begins another one beside those from before it.
    fn can_be_taken(&self, due: &Due) -> bool {
        let looks = self.in_hand.get(&due.session).map_or(0, Vec::len);
        looks == 0 || (due.reason == Reason::Loss && looks < MAX_LOOKS)
    }

    fn pick_up(&mut self, session: u64) -> Option<Due> {
        let due = self.remove(session)?;
        self.looks += 1;
        let due = Due { look: self.looks, ..due };
        let looks = self.in_hand.entry(session).or_default();
        for look in looks.iter_mut() {
            look.is_overlapped = true;
        }
        looks.push(InHand { due, is_overlapped: false });
        Some(due)
    }

    /// A look has ended: if its session was named again, it can be taken again.
    fn put_down(&mut self, ended: &Due) {
        if let Some(looks) = self.in_hand.get_mut(&ended.session) {
            looks.retain(|look| look.due.look != ended.look);
            if looks.is_empty() {
                self.in_hand.remove(&ended.session);
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
                // An event makes an earlier look worth while, and what is older stays older.
                let due = match state.due.get(&session) {
                    Some(known) => Due {
                        not_before: known.not_before.min(now),
                        tries: 0,
                        loss_at: known.loss_at.or(loss_at),
                        reason: known.reason.min(reason),
                        ..*known
                    },
                    None => Due {
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

    /// The same for what is named again and again for the same reason: it keeps its place and its pause.
    pub(super) fn add_once(&self, sessions: impl IntoIterator<Item = u64>) {
        let new: Vec<u64> = sessions.into_iter().filter(|id| !self.is_open(*id)).collect();
        if !new.is_empty() {
            self.add(new, Reason::Other);
        }
    }

    /// Whether a session is named and not dealt with yet.
    pub(super) fn is_open(&self, session: u64) -> bool {
        let state = self.state();
        state.due.contains_key(&session) || state.in_hand.contains_key(&session)
    }

    /// Whether a session was named since this look began, because its right may have ended.
    pub(super) fn may_have_lost(&self, due: &Due) -> bool {
        let state = self.state();
        let looks = state.in_hand.get(&due.session).into_iter().flatten().map(|look| &look.due);
        let mut since = looks.filter(|look| look.look > due.look).chain(state.due.get(&due.session));
        since.any(Due::is_loss)
    }

    /// Whether a session was named or looked at anew since this look began.
    pub(super) fn is_overlapped(&self, due: &Due) -> bool {
        let state = self.state();
        let looks = state.in_hand.get(&due.session).into_iter().flatten();
        let mut overlapped = looks.filter(|look| look.due.look == due.look).map(|look| look.is_overlapped);
        state.due.contains_key(&due.session) || overlapped.any(|overlapped| overlapped)
    }

    /// Everything named up to now goes with this place in the events.
    pub(super) fn reached(&self, cursor: Cursor) {
        let mut state = self.state();
        let ticket = state.tickets;
        // No session was named since the last one: it will never count without this one.
        if state.cursors.back().is_some_and(|(last, _)| *last == ticket) {
            state.cursors.pop_back();
        }
        state.cursors.push_back((ticket, cursor));
    }

    /// The newest place such that everything named before it is done.
    pub(super) fn settled(&self) -> Option<Cursor> {
        let mut state = self.state();
        let in_hand = state.in_hand.values().flatten().map(|look| &look.due);
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

    /// Takes one that is due, the most urgent first; waits until there is one. `only_losses`: others stay.
    pub(super) async fn take(&self, only_losses: bool) -> Due {
        loop {
            let (taken, next) = self.try_take(only_losses);
            if let Some(due) = taken {
                return due;
            }
            let pause = next.map_or(RETRY_MAX, |at| at.saturating_duration_since(Instant::now()));
            // Either way: look again.
            let _ = tokio::time::timeout(pause, self.added.notified()).await;
        }
    }

    fn try_take(&self, only_losses: bool) -> (Option<Due>, Option<Instant>) {
        let mut state = self.state();
        let now = Instant::now();
        let orders = if only_losses { &state.orders[..1] } else { &state.orders[..] };
        let firsts = orders.iter().filter_map(BTreeSet::first);
        let Some((_, session)) = firsts.clone().find(|(not_before, _)| *not_before <= now).copied() else {
            return (None, firsts.map(|(not_before, _)| *not_before).min());
        };
        (state.pick_up(session), None)
    }

    /// This one is done.
    pub(super) fn done(&self, due: &Due) {
        self.state().put_down(due);
        self.added.notify_one();
    }

    /// This one could not be told: again later, at the latest when `grace` has passed since its right may have ended.
    pub(super) fn again(&self, due: &Due, grace: Duration) {
        let pause = (RETRY_INITIAL * (1 << due.tries.min(8))).min(RETRY_MAX);
        let mut not_before = Instant::now() + pause;
        if let Some(end) = due.loss_at.map(|at| at + grace).filter(|end| *end > Instant::now()) {
            not_before = not_before.min(end);
        }
        self.put_back(
            due,
            Due { tries: due.tries + 1, searches: due.searches.wrapping_add(1), not_before, ..*due },
        );
    }

    /// Its right is gone and it was evicted: another basis is looked for at once, behind what is urgent.
    pub(super) fn search(&self, due: &Due) {
        self.put_back(
            due,
            Due { tries: 0, loss_at: None, reason: Reason::Other, not_before: Instant::now(), ..*due },
        );
    }

    fn put_back(&self, due: &Due, later: Due) {
        {
            let mut state = self.state();
            state.put_down(due);
            // Named again meanwhile: that look comes first, but what is open is as old as it is.
            let next = match state.due.get(&due.session) {
                Some(known) => Due {
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
