//! Index of the sessions of one node, and the events that a listing from the hub implies. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::hub::{AtHeight, Session, SessionPage, SessionStatus};

use super::SessionEvent;

/// Maximum indexed sessions; further ones are queried on demand.
pub(super) const MAX_INDEXED_SESSIONS: usize = 100_000;
/// Time until a session that is missing from listings but exists is queried again.
const ABSENCE_RECHECK_INTERVAL: Duration = Duration::from_secs(30);

/// Sessions of one node.
#[derive(Debug, Default)]
pub(super) struct SessionIndex {
    node: Option<NodeAddress>,
    entries: BTreeMap<u64, Entry>,
    /// Highest listed session number. Numbers only grow, so a new session is above it.
    newest: Option<u64>,
    /// Events not published yet, whichever query found them.
    pending_events: Vec<SessionEvent>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// `None`: the session is watched, but was not read from the hub yet.
    session: Option<Session>,
    /// Latest height at which the session existed.
    height: Option<u64>,
    cancelled: bool,
    asked: Option<Instant>,
}

/// Sessions named by the pages of one listing, newest first.
#[derive(Debug)]
pub(super) struct Listing {
    /// Sessions indexed when the listing began: only these can be missing from it.
    before: BTreeSet<u64>,
    seen: BTreeSet<u64>,
}

impl SessionIndex {
    /// Sets the node. Sessions of a former node stay indexed and are queried one by one.
    pub(super) fn set_node(&mut self, node: NodeAddress) {
        if self.node.replace(node).is_some_and(|before| before != node) {
            self.newest = None;
            for entry in self.entries.values_mut() {
                entry.session = None;
            }
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<Session> {
        self.entries.get(&id)?.session
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Active sessions of these accounts.
    pub(super) fn active_of_accounts(&self, accounts: &[AccountAddress]) -> Vec<u64> {
        let sessions = self.entries.values().filter_map(|entry| entry.session);
        let wanted = sessions
            .filter(|session| session.status == SessionStatus::Active && accounts.contains(&session.account));
        wanted.map(|session| session.id).collect()
    }

    /// Whether a complete listing was read.
    pub(super) fn is_complete(&self) -> bool {
        self.newest.is_some()
    }

    /// Watches a session, so that its end is published even if no listing has named it.
    pub(super) fn expect(&mut self, id: u64) {
        self.entries.entry(id).or_default();
    }

    /// Takes the events since the last call; each change appears once.
    pub(super) fn take_events(&mut self) -> Vec<SessionEvent> {
        std::mem::take(&mut self.pending_events)
    }

    /// Indexes a session that was queried, if it is of this node.
    pub(super) fn insert_queried(&mut self, seen: AtHeight<Session>) {
        if self.node == Some(seen.value.node) {
            self.upsert(seen.value, seen.height);
        }
    }

    pub(super) fn begin_listing(&self) -> Listing {
        Listing { before: self.entries.keys().copied().collect(), seen: BTreeSet::new() }
    }

    /// Adds a page; returns whether further pages can name new sessions.
    pub(super) fn add_page(&mut self, listing: &mut Listing, page: &SessionPage) -> bool {
        let newest = self.newest;
        for session in &page.sessions {
            self.upsert(*session, page.height);
        }
        listing.seen.extend(&page.ids);
        page.ids.iter().all(|id| newest.is_none_or(|newest| *id > newest)) && page.next.is_some()
    }

    /// Records that the listing reached the newest indexed session, or its end.
    pub(super) fn finish_listing(&mut self, listing: &Listing) {
        let seen = listing.seen.last().copied().unwrap_or_default();
        self.newest = Some(self.newest.unwrap_or_default().max(seen));
    }

    /// Indexed sessions that a complete listing lacks and that are due for a query of their own.
    pub(super) fn missing(&mut self, listing: &Listing, now: Instant) -> Vec<u64> {
        let due = |entry: &Entry| {
            entry.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ABSENCE_RECHECK_INTERVAL)
        };
        let absent = listing.before.difference(&listing.seen);
        let mut missing = Vec::new();
        for id in absent {
            if let Some(entry) = self.entries.get_mut(id).filter(|entry| due(entry)) {
                entry.asked = Some(now);
                missing.push(*id);
            }
        }
        missing
    }

    /// Applies the hub's answer about a missing session.
    pub(super) fn resolve_missing(&mut self, id: u64, seen: &AtHeight<Option<Session>>) {
        match seen.value {
            Some(session) if self.node == Some(session.node) => self.upsert(session, seen.height),
            Some(_) => {}
            None => {
                let Some(entry) = self.entries.get(&id) else { return };
                // A lagging endpoint does not have the session yet; that is not its end.
                let older = entry.height.zip(seen.height).is_some_and(|(known, asked)| asked < known);
                if !older {
                    self.entries.remove(&id);
                    self.pending_events.push(SessionEvent::Ended(id));
                }
            }
        }
    }

    fn upsert(&mut self, session: Session, height: Option<u64>) {
        if self.entries.len() >= MAX_INDEXED_SESSIONS && !self.entries.contains_key(&session.id) {
            return;
        }
        let entry = self.entries.entry(session.id).or_default();
        entry.session = Some(session);
        entry.height = entry.height.max(height);
        entry.asked = None;
        let cancelled = session.status != SessionStatus::Active;
        if cancelled && !entry.cancelled {
            entry.cancelled = true;
            self.pending_events.push(SessionEvent::Cancelled(session.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sentinel_proto::hub::SessionKind;

    use super::*;

    const NODE: NodeAddress = NodeAddress::new([2; 20]);

    fn session(id: u64) -> Session {
        Session {
            id,
            account: AccountAddress::new([1; 20]),
            node: NODE,
            kind: SessionKind::Direct,
            status: SessionStatus::Active,
        }
    }

    fn page(ids: &[u64], height: u64, next: bool) -> SessionPage {
        SessionPage {
            sessions: ids.iter().map(|id| session(*id)).collect(),
            ids: ids.to_vec(),
            next: next.then(Vec::new),
            height: Some(height),
        }
    }

    fn known() -> SessionIndex {
        let mut known = SessionIndex::default();
        known.set_node(NODE);
        known
    }

    /// Reads a complete listing and returns the sessions that it lacks.
    fn listed(known: &mut SessionIndex, ids: &[u64], height: u64) -> Vec<u64> {
        let mut listing = known.begin_listing();
        known.add_page(&mut listing, &page(ids, height, false));
        known.finish_listing(&listing);
        known.missing(&listing, Instant::now())
    }

    #[test]
    fn paging_stops_at_indexed_sessions() {
        let mut known = known();
        assert!(!known.is_complete());
        assert!(listed(&mut known, &[5, 3, 1], 10).is_empty());
        assert!(known.is_complete());
        let mut listing = known.begin_listing();
        assert!(known.add_page(&mut listing, &page(&[9, 8], 11, true)));
        assert!(!known.add_page(&mut listing, &page(&[7, 5], 11, true)));
        assert_eq!(known.get(7), Some(session(7)));
        // One that was asked for ahead of the list does not hide those below it.
        known.insert_queried(AtHeight { value: session(20), height: Some(12) });
        let mut listing = known.begin_listing();
        assert!(known.add_page(&mut listing, &page(&[20, 19], 12, true)));
    }

    #[test]
    fn missing_session_ends_only_when_hub_confirms() {
        let mut known = known();
        listed(&mut known, &[5, 3], 10);
        assert_eq!(listed(&mut known, &[5], 11), [3]);
        // Not again at once.
        assert!(listed(&mut known, &[5], 12).is_empty());
        let gone = |height| AtHeight { value: None, height };
        known.resolve_missing(3, &gone(Some(9)));
        assert_eq!(known.take_events(), [], "an endpoint that is behind");
        known.resolve_missing(3, &AtHeight { value: Some(session(3)), height: Some(12) });
        assert_eq!((known.take_events(), known.get(3)), (vec![], Some(session(3))));
        known.resolve_missing(3, &gone(Some(13)));
        assert_eq!((known.take_events(), known.get(3)), (vec![SessionEvent::Ended(3)], None));
        known.resolve_missing(3, &gone(Some(13)));
        assert_eq!(known.take_events(), []);
    }

    #[test]
    fn session_added_during_listing_is_not_missing() {
        let mut known = known();
        listed(&mut known, &[5], 10);
        let mut listing = known.begin_listing();
        known.insert_queried(AtHeight { value: session(6), height: Some(11) });
        known.add_page(&mut listing, &page(&[5], 10, false));
        assert!(known.missing(&listing, Instant::now()).is_empty());
    }

    #[test]
    fn queries_watched_sessions() {
        let mut known = known();
        known.expect(1);
        known.expect(4);
        assert_eq!(listed(&mut known, &[4], 10), [1]);
        known.resolve_missing(1, &AtHeight { value: None, height: None });
        assert_eq!(known.take_events(), [SessionEvent::Ended(1)]);
    }

    #[test]
    fn publishes_cancellation_once() {
        let mut known = known();
        listed(&mut known, &[5], 10);
        let mut cancelled = page(&[5], 11, false);
        cancelled.sessions[0].status = SessionStatus::InactivePending;
        let mut listing = known.begin_listing();
        known.add_page(&mut listing, &cancelled);
        assert_eq!(known.take_events(), [SessionEvent::Cancelled(5)]);
        known.add_page(&mut listing, &cancelled);
        assert_eq!(known.take_events(), []);
    }

    #[test]
    fn publishes_cancellation_found_by_single_query() {
        let mut known = known();
        known.expect(5);
        known.insert_queried(AtHeight {
            value: Session { status: SessionStatus::InactivePending, ..session(5) },
            height: None,
        });
        let mut cancelled = page(&[5], 11, false);
        cancelled.sessions[0].status = SessionStatus::InactivePending;
        let mut listing = known.begin_listing();
        known.add_page(&mut listing, &cancelled);
        assert_eq!(known.take_events(), [SessionEvent::Cancelled(5)]);
    }

    #[test]
    fn ignores_sessions_of_other_nodes() {
        let mut known = known();
        listed(&mut known, &[5], 10);
        let other = NodeAddress::new([3; 20]);
        known.insert_queried(AtHeight { value: Session { node: other, ..session(9) }, height: None });
        assert_eq!(known.get(9), None);
        known.set_node(other);
        assert_eq!((known.get(5), known.is_complete(), known.len()), (None, false, 1));
    }

    proptest! {
        /// After any changes on the hub between listings, the index holds exactly the existing sessions, and each end
        /// was published once.
        #[test]
        fn index_equals_hub_after_any_changes(rounds in prop::collection::vec((prop::collection::btree_set(0_usize..40, 0..10), 0_u64..4), 1..20)) {
            let (mut known, mut hub, mut next, mut told) = (known(), BTreeSet::new(), 1_u64, BTreeSet::new());
            for (height, (ends, starts)) in (1..).zip(rounds) {
                let gone: Vec<u64> = ends.iter().filter_map(|index| hub.iter().nth(*index).copied()).collect();
                for id in gone {
                    hub.remove(&id);
                }
                for _ in 0..starts {
                    hub.insert(next);
                    next += 1;
                }
                let ids: Vec<u64> = hub.iter().rev().copied().collect();
                for id in listed(&mut known, &ids, height) {
                    known.resolve_missing(id, &AtHeight { value: None, height: Some(height) });
                    prop_assert_eq!(known.take_events(), [SessionEvent::Ended(id)]);
                    prop_assert!(told.insert(id));
                }
                prop_assert_eq!(known.len(), hub.len());
                prop_assert!(hub.iter().all(|id| known.get(*id) == Some(session(*id))));
            }
        }
    }
}
