//! Sessions of our node on the hub, learned ahead.
//!
//! What a decision needs of a session never changes while it exists, so what was learned once is used without
//! asking. A session that is not known is asked for; "there is none" is never remembered.

mod block_time;
mod follow;
mod health;
mod index;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::future::Cache;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{HubClient, HubError, Seen, Session, SessionStatus};

pub use self::follow::Follower;
pub use self::health::HubHealth;
use self::health::HubHealthTracker;
use self::index::SessionIndex;
use super::decision_path;

/// Sessions to remember that were asked for; those of our node are learned ahead, so few are other than foreign.
const MAX_CACHED_SESSIONS: u64 = 10_000;
const CACHED_SESSION_TTL: Duration = Duration::from_secs(600);

/// What happened to a session of our node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// It was cancelled: it is no longer in use and leaves the hub soon.
    Cancelled(u64),
    /// It has left the hub: its tunnel key and device are free.
    Ended(u64),
}

/// The sessions, as far as they are known, and the hub for the rest.
#[derive(Debug)]
pub struct Sessions {
    hub: HubClient,
    index: Mutex<SessionIndex>,
    asked: Cache<u64, Session>,
    health: HubHealthTracker,
}

/// Why an asked session is not put into the cache.
enum UncachedLookup {
    Missing,
    Failed(HubError),
}

impl Sessions {
    /// Knows nothing yet; a [`Follower`] changes that.
    pub fn new(hub: HubClient) -> Self {
        let asked =
            Cache::builder().max_capacity(MAX_CACHED_SESSIONS).time_to_live(CACHED_SESSION_TTL).build();
        Self { hub, index: Mutex::default(), asked, health: HubHealthTracker::new() }
    }

    /// The session with this number. Its status may be older than everything else about it.
    pub async fn get(&self, id: u64) -> Result<Option<Session>, HubError> {
        if let Some(session) = self.index().get(id) {
            return Ok(Some(session));
        }
        if let Some(session) = self.asked.get(&id).await {
            return Ok(Some(session));
        }
        decision_path::mark_cache_miss();
        let ask = async {
            let seen = self.hub.session_seen(id).await.map_err(UncachedLookup::Failed)?;
            let session = seen.value.ok_or(UncachedLookup::Missing)?;
            self.index().insert_queried(Seen { value: session, height: seen.height });
            Ok(session)
        };
        match self.asked.try_get_with(id, ask).await {
            Ok(session) => Ok(Some(session)),
            Err(unkept) => match &*unkept {
                UncachedLookup::Missing => Ok(None),
                UncachedLookup::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// What the session is right now, while the hub has it; always mark_cache_miss.
    pub async fn status(&self, id: u64) -> Result<Option<SessionStatus>, HubError> {
        decision_path::mark_cache_miss();
        Ok(self.hub.session(id).await?.map(|session| session.status))
    }

    /// Whether the session is in use right now; always mark_cache_miss.
    pub async fn is_live(&self, id: u64) -> Result<bool, HubError> {
        Ok(self.status(id).await? == Some(SessionStatus::Active))
    }

    /// Something rests on these sessions (from before a restart): their ends are to be told too.
    pub fn expect(&self, ids: impl IntoIterator<Item = u64>) {
        let mut known = self.index();
        for id in ids {
            known.expect(id);
        }
    }

    /// Whether the hub answers.
    pub fn health(&self) -> HubHealth {
        self.health.now()
    }

    /// Sessions of our node that are known.
    pub fn count(&self) -> usize {
        self.index().len()
    }

    /// Whether all sessions of our node were listed.
    pub fn is_complete(&self) -> bool {
        self.index().is_complete()
    }

    /// SessionIndex sessions of these accounts that are in use.
    pub fn active_of_accounts(&self, accounts: &[AccountAddress]) -> Vec<u64> {
        self.index().active_of_accounts(accounts)
    }

    /// The client underneath.
    pub fn hub(&self) -> &HubClient {
        &self.hub
    }

    fn index(&self) -> MutexGuard<'_, SessionIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
