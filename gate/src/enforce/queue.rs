//! Sessions that are to be looked at: each once, however often it is named, and again when it could not be told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sovereign_contracts::follower::Cursor;
use tokio::sync::Notify;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the place in the events is written down.
pub(super) const REMEMBER: Duration = Duration::from_secs(1);

/// One session that is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) session: u64,
    /// Since when.
    pub(super) since: Instant,
    /// The event after which it was named first.
    ticket: u64,
    /// Vain looks so far.
    pub(super) tries: u32,
    /// Named again while it was looked at: that look may have come too early.
    not_before: Instant,
}

/// What waits.
#[derive(Debug, Default)]
struct State {
    due: BTreeMap<u64, Due>,
    /// Those that are looked at right now.
    in_hand: BTreeMap<u64, Due>,
    tickets: u64,
    /// Places in Ethereum's events, and the ticket after which each counts.
    cursors: VecDeque<(u64, Cursor)>,
}

/// Sessions that are to be looked at.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Notify,
}

impl Queue {
    pub(super) fn add(&self, sessions: impl IntoIterator<Item = u64>) {
        let now = Instant::now();
        let mut sessions = sessions.into_iter().peekable();
        if sessions.peek().is_none() {
            return;
        }
        {
            let mut state = self.state();
            state.tickets += 1;
            let ticket = state.tickets;
            for session in sessions {
                let due = Due { session, since: now, ticket, tries: 0, not_before: now };
                // News make an earlier look worth while, and what is older stays older.
                state
                    .due
                    .entry(session)
                    .and_modify(|known| (known.not_before, known.tries) = (now, 0))
                    .or_insert(due);
            }
        }
        self.bell.notify_one();
    }

    /// The same for what is named again and again for the same reason: it keeps its place and its pause.
    pub(super) fn add_once(&self, sessions: impl IntoIterator<Item = u64>) {
        let new: Vec<u64> = {
            let state = self.state();
            let known = |id: &u64| state.due.contains_key(id) || state.in_hand.contains_key(id);
            sessions.into_iter().filter(|id| !known(id)).collect()
        };
        if !new.is_empty() {
            self.add(new);
        }
    }

    /// Everything named up to now goes with this place in the events.
    pub(super) fn reached(&self, cursor: Cursor) {
        let mut state = self.state();
        let ticket = state.tickets;
        // Nobody was named since the last one: it will never count without this one.
        if state.cursors.back().is_some_and(|(last, _)| *last == ticket) {
            state.cursors.pop_back();
        }
        state.cursors.push_back((ticket, cursor));
    }

    /// The newest place such that everything named before it is done.
    pub(super) fn settled(&self) -> Option<Cursor> {
        let mut state = self.state();
        let open = state.due.values().chain(state.in_hand.values()).map(|due| due.ticket).min();
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

    /// Takes those that are due; waits until there are any.
    pub(super) async fn take(&self, most: usize) -> Vec<Due> {
        loop {
            let (taken, next) = self.try_take(most);
            if !taken.is_empty() {
                return taken;
            }
            let pause = next.map_or(LONGEST_PAUSE, |at| at.saturating_duration_since(Instant::now()));
            // The time is over or somebody rang: look again.
            let _ = tokio::time::timeout(pause, self.bell.notified()).await;
        }
    }

    fn try_take(&self, most: usize) -> (Vec<Due>, Option<Instant>) {
        let mut state = self.state();
        let now = Instant::now();
        let ready = state.due.values().filter(|due| due.not_before <= now).take(most);
        let taken: Vec<Due> = ready.copied().collect();
        for due in &taken {
            state.due.remove(&due.session);
            state.in_hand.insert(due.session, *due);
        }
        (taken, state.due.values().map(|due| due.not_before).min())
    }

    /// This one is done.
    pub(super) fn done(&self, due: &Due) {
        self.state().in_hand.remove(&due.session);
    }

    /// This one could not be told: again later.
    pub(super) fn again(&self, due: &Due) {
        let mut state = self.state();
        state.in_hand.remove(&due.session);
        let pause = (FIRST_PAUSE * (1 << due.tries.min(8))).min(LONGEST_PAUSE);
        let later = Due { tries: due.tries + 1, not_before: Instant::now() + pause, ..*due };
        // Named again meanwhile: that look comes first, but what is open is as old as it is.
        state
            .due
            .entry(due.session)
            .and_modify(|known| (known.since, known.ticket) = (due.since, due.ticket))
            .or_insert(later);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn cursor(number: u64) -> Cursor {
        Cursor { number, hash: B256::ZERO }
    }

    #[tokio::test]
    async fn named_often_looked_at_once() {
        let queue = Queue::default();
        for _ in 0..10_000 {
            queue.add([1, 2]);
        }
        let taken = queue.take(9).await;
        assert_eq!(taken.iter().map(|due| due.session).collect::<Vec<_>>(), [1, 2]);
        assert!(queue.try_take(9).0.is_empty());
    }

    #[tokio::test]
    async fn named_while_looked_at_is_looked_at_again() {
        let queue = Queue::default();
        queue.add([1]);
        let taken = queue.take(9).await;
        queue.add([1]);
        queue.done(&taken[0]);
        assert_eq!(queue.take(9).await.len(), 1);
    }

    #[tokio::test]
    async fn a_place_counts_once_everything_before_it_is_done() {
        let queue = Queue::default();
        queue.reached(cursor(1));
        assert_eq!(queue.settled(), Some(cursor(1)));
        queue.add([1]);
        queue.reached(cursor(2));
        queue.add([2]);
        queue.reached(cursor(3));
        assert_eq!(queue.settled(), None);
        let taken = queue.take(1).await;
        assert_eq!(queue.settled(), None, "in hand");
        queue.again(&taken[0]);
        assert_eq!(queue.settled(), None, "to be looked at again");
        queue.add([1]);
        let taken = queue.take(9).await;
        queue.done(&taken[0]);
        assert_eq!(queue.settled(), Some(cursor(2)));
        queue.done(&taken[1]);
        assert_eq!((queue.settled(), queue.settled()), (Some(cursor(3)), None));
    }

    #[tokio::test]
    async fn places_do_not_pile_up_behind_one_who_cannot_be_told() {
        let queue = Queue::default();
        queue.add([1]);
        queue.reached(cursor(1));
        let taken = queue.take(9).await;
        queue.again(&taken[0]);
        for number in 2..10_000 {
            queue.add([]);
            queue.reached(cursor(number));
        }
        let places = queue.state().cursors.len();
        assert!(places < 3, "{places} places");
        queue.add([1]);
        let taken = queue.take(9).await;
        queue.done(&taken[0]);
        assert_eq!(queue.settled(), Some(cursor(9999)));
    }

    #[tokio::test]
    async fn what_cannot_be_told_waits_and_news_shorten_that() {
        let queue = Queue::default();
        queue.add([1]);
        let taken = queue.take(9).await;
        queue.again(&taken[0]);
        assert!(queue.try_take(9).0.is_empty(), "not at once");
        queue.add([1]);
        assert_eq!(queue.take(9).await[0].since, taken[0].since, "as old as it is");
    }
}
