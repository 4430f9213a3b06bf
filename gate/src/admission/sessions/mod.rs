//! Sessions of the node on the hub, indexed in advance.
//!
//! What a decision needs of a session never changes while the session exists, so an indexed session needs no query. A
//! session that is not indexed is queried; its absence is never cached.

mod block_time;
mod follow;
mod health;
mod index;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::future::Cache;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{AtHeight, HubClient, HubError, Session, SessionStatus};

pub use self::follow::Follower;
pub use self::health::HubHealth;
use self::health::HubHealthTracker;
use self::index::SessionIndex;
use super::decision_path;

/// Maximum cached sessions that are not indexed. Sessions of the node are indexed, so most of these are foreign.
const MAX_CACHED_SESSIONS: u64 = 10_000;
const CACHED_SESSION_TTL: Duration = Duration::from_secs(600);

/// Change of a session of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// It was cancelled: it is no longer in use and leaves the hub soon.
    Cancelled(u64),
    /// It has left the hub: its tunnel key and device are free.
    Ended(u64),
}

/// Indexed sessions of the node, and the hub for all others.
#[derive(Debug)]
pub struct Sessions {
    hub: HubClient,
    index: Mutex<SessionIndex>,
    asked: Cache<u64, Session>,
    health: HubHealthTracker,
}

/// Why the result of a query is not cached.
enum UncachedLookup {
    Missing,
    Failed(HubError),
}

impl Sessions {
    /// Creates an empty index; a [`Follower`] fills it.
    pub fn new(hub: HubClient) -> Self {
        let asked =
            Cache::builder().max_capacity(MAX_CACHED_SESSIONS).time_to_live(CACHED_SESSION_TTL).build();
        Self { hub, index: Mutex::default(), asked, health: HubHealthTracker::new() }
    }

    /// Returns the session with this number. Its status may be older than its other fields.
    pub async fn get(&self, id: u64) -> Result<Option<Session>, HubError> {
        if let Some(session) = self.index().get(id) {
            return Ok(Some(session));
        }
        if let Some(session) = self.asked.get(&id).await {
            return Ok(Some(session));
        }
        decision_path::mark_cache_miss();
        let ask = async {
            let seen = self.hub.session_at_height(id).await.map_err(UncachedLookup::Failed)?;
            let session = seen.value.ok_or(UncachedLookup::Missing)?;
            self.index().insert_queried(AtHeight { value: session, height: seen.height });
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

    /// Queries the current status; `None`: the hub has no such session.
    pub async fn status(&self, id: u64) -> Result<Option<SessionStatus>, HubError> {
        decision_path::mark_cache_miss();
        Ok(self.hub.session(id).await?.map(|session| session.status))
    }

    /// Queries whether the session is active.
    pub async fn is_live(&self, id: u64) -> Result<bool, HubError> {
        Ok(self.status(id).await? == Some(SessionStatus::Active))
    }

    /// Watches sessions recorded before a restart, so that their ends are published too.
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

    /// Number of indexed sessions.
    pub fn count(&self) -> usize {
        self.index().len()
    }

    /// Whether all sessions of the node were listed.
    pub fn is_complete(&self) -> bool {
        self.index().is_complete()
    }

    /// Known sessions of these accounts that are in use.
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
