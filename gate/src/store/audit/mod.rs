//! Audit log: operator actions with their reasons, kept for a while and over restarts.

use super::clock::UnixTime;
use super::database::Database;
use super::error::StoreError;
use super::write_request::WriteRequest;

pub(in crate::store) mod sql;

/// Maximum characters of a reason.
pub const MAX_REASON_CHARS: usize = 500;

/// One operator action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Time of the action.
    pub at: UnixTime,
    /// Action: `drop`, `pause`, `resume`, `lockdown`, `reload`, `erase`, `export`.
    pub action: String,
    /// Subject: sessions, a wallet, or `all`.
    pub subject: String,
    /// Why, in the operator's words.
    pub reason: String,
}

impl AuditEntry {
    /// Creates an entry; control characters are removed from the reason, which is cut to [`MAX_REASON_CHARS`].
    pub(super) fn new(at: UnixTime, action: &str, subject: &str, reason: &str) -> Self {
        let reason = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
        Self { at, action: action.into(), subject: subject.into(), reason }
    }
}

/// Repository of the audit log.
#[derive(Debug, Clone, Copy)]
pub struct AuditRepository<'a> {
    database: &'a Database,
}

impl<'a> AuditRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Appends an operator action.
    pub async fn append(self, action: &str, subject: &str, reason: &str) -> Result<(), StoreError> {
        let entry = AuditEntry::new(self.database.clock.unix(), action, subject, reason);
        self.database.write(|reply| WriteRequest::Audit { entry, reply }).await
    }

    /// Entries, newest first.
    pub async fn entries(self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.database.readers.read(move |connection| sql::log(connection, limit)).await
    }
}
