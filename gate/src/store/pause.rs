//! Pause of new admissions by the operator. It outlasts a restart.

use super::audit::AuditEntry;
use super::clock::UnixTime;
use super::database::{Database, lock};
use super::error::StoreError;
use super::write_request::WriteRequest;

/// Name in the table `meta`.
pub(super) const PAUSE_NAME: &str = "paused";

/// Pause of new admissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Start of the pause.
    pub since: UnixTime,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Pause {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [&self.since.to_be_bytes()[..], self.reason.as_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (since, reason) = bytes.split_first_chunk::<8>()?;
        let reason = String::from_utf8_lossy(reason).into_owned();
        Some(Self { since: UnixTime::from_be_bytes(*since), reason })
    }
}

/// Repository of the pause.
#[derive(Debug, Clone, Copy)]
pub struct PauseRepository<'a> {
    database: &'a Database,
}

impl<'a> PauseRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// The pause of new admissions, if any.
    pub fn current(self) -> Option<Pause> {
        lock(&self.database.memory.pause).clone()
    }

    /// Starts or ends a pause, with an audit entry.
    pub async fn set(self, paused: bool, reason: &str) -> Result<(), StoreError> {
        let action = if paused { "pause" } else { "resume" };
        let entry = AuditEntry::new(self.database.clock.unix(), action, "all", reason);
        let pause = paused.then(|| Pause { since: entry.at, reason: entry.reason.clone() });
        self.database.write(|reply| WriteRequest::Pause { pause, entry, reply }).await
    }
}
