//! Unresolved intents in memory, each with a claim on its tunnel key and device slot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alloy::primitives::Address;

use crate::store::database::lock;
use crate::store::sessions::record::{SessionClaim, SessionRecord};
use crate::store::sessions::table::{self, Reservation, SessionTable};

/// A handshake with an unknown result at the node.
#[derive(Debug, Clone)]
pub struct UnresolvedIntent {
    /// The session record, without the fields that only the node's answer contains.
    pub record: Arc<SessionRecord>,
    /// Time since this process found it unresolved.
    pub age: Duration,
}

#[derive(Debug)]
struct Entry {
    record: Arc<SessionRecord>,
    since: Instant,
    /// Claim on its key and device slot. `None` where a record has them.
    _place: Option<Reservation>,
}

/// Unresolved intents, by session and tunnel key.
#[derive(Debug, Default)]
pub(in crate::store) struct UnresolvedIntents(Mutex<BTreeMap<(u64, String), Entry>>);

impl UnresolvedIntents {
    /// Adds an unresolved intent, and claims its key and device slot.
    pub(in crate::store) fn open(&self, live: &Arc<Mutex<SessionTable>>, record: SessionRecord) {
        let claim = SessionClaim {
            session_id: record.session_id,
            holder: record.holder(),
            tier: record.tier.clone(),
            service: record.service.clone(),
            peer_id: record.peer_id.clone(),
            limits: None,
        };
        let place = table::claim(live, claim, record.admitted_at).ok();
        let key = (record.session_id, record.peer_id.clone());
        let entry = Entry { record: Arc::new(record), since: Instant::now(), _place: place };
        let before = lock(&self.0).insert(key, entry);
        // Outside of the lock: dropping a reservation takes another lock.
        drop(before);
    }

    /// Removes a wallet from the records.
    pub(in crate::store) fn erase(&self, wallet: Address) {
        for entry in lock(&self.0).values_mut() {
            entry.record = entry.record.without(wallet).map_or_else(|| Arc::clone(&entry.record), Arc::new);
        }
    }

    pub(in crate::store) fn close(&self, session_id: u64, peer_id: &str) {
        let entry = lock(&self.0).remove(&(session_id, peer_id.to_owned()));
        drop(entry);
    }

    /// All of them, by session and tunnel key.
    pub(in crate::store) fn list(&self) -> Vec<UnresolvedIntent> {
        let intent = |entry: &Entry| UnresolvedIntent {
            record: Arc::clone(&entry.record),
            age: entry.since.elapsed(),
        };
        lock(&self.0).values().map(intent).collect()
    }

    /// Whether there is one of this session with this tunnel key.
    pub(in crate::store) fn contains(&self, session_id: u64, peer_id: &str) -> bool {
        lock(&self.0).contains_key(&(session_id, peer_id.to_owned()))
    }
}
