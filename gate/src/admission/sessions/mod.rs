//! Sessions of our node on the hub, learned ahead.
//!
//! What a decision needs of a session never changes while it exists, so what was learned once is used without
//! asking. A session that is not known is asked for; "there is none" is never remembered.

mod follow;
mod health;
mod known;
mod pace;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::future::Cache;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{HubClient, HubError, Seen, Session, SessionStatus};

pub use self::follow::Follower;
use self::health::Health;
pub use self::health::HubHealth;
use self::known::Known;
use super::path;

/// Sessions to remember that were asked for; those of our node are learned ahead, so few are other than foreign.
const MOST_ASKED: u64 = 10_000;
const REMEMBERED: Duration = Duration::from_secs(600);

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
    known: Mutex<Known>,
    asked: Cache<u64, Session>,
    health: Health,
}

/// Why an asked session is not put into the cache.
enum Unkept {
    Missing,
    Failed(HubError),
}

impl Sessions {
    /// Knows nothing yet; a [`Follower`] changes that.
    pub fn new(hub: HubClient) -> Self {
        let asked = Cache::builder().max_capacity(MOST_ASKED).time_to_live(REMEMBERED).build();
        Self { hub, known: Mutex::default(), asked, health: Health::new() }
    }

    /// The session with this number. Its status may be older than everything else about it.
    pub async fn get(&self, id: u64) -> Result<Option<Session>, HubError> {
        if let Some(session) = self.known().get(id) {
            return Ok(Some(session));
        }
        if let Some(session) = self.asked.get(&id).await {
            return Ok(Some(session));
        }
        path::asks();
        let ask = async {
            let seen = self.hub.session_seen(id).await.map_err(Unkept::Failed)?;
            let session = seen.value.ok_or(Unkept::Missing)?;
            self.known().learn(Seen { value: session, height: seen.height });
            Ok(session)
        };
        match self.asked.try_get_with(id, ask).await {
            Ok(session) => Ok(Some(session)),
            Err(unkept) => match &*unkept {
                Unkept::Missing => Ok(None),
                Unkept::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// What the session is right now, while the hub has it; always asks.
    pub async fn status(&self, id: u64) -> Result<Option<SessionStatus>, HubError> {
        path::asks();
        Ok(self.hub.session(id).await?.map(|session| session.status))
    }

    /// Whether the session is in use right now; always asks.
    pub async fn is_live(&self, id: u64) -> Result<bool, HubError> {
        Ok(self.status(id).await? == Some(SessionStatus::Active))
    }

    /// Something rests on these sessions (from before a restart): their ends are to be told too.
    pub fn expect(&self, ids: impl IntoIterator<Item = u64>) {
        let mut known = self.known();
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
        self.known().len()
    }

    /// Whether all sessions of our node were listed.
    pub fn are_known(&self) -> bool {
        self.known().is_complete()
    }

    /// Known sessions of these accounts that are in use.
    pub fn of_accounts(&self, accounts: &[AccountAddress]) -> Vec<u64> {
        self.known().of_accounts(accounts)
    }

    /// The client underneath.
    pub fn hub(&self) -> &HubClient {
        &self.hub
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
