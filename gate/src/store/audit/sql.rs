//! SQL of the audit log.

use rusqlite::{Connection, Row, params};

use crate::store::audit::AuditEntry;
use crate::store::clock::UnixTime;
use crate::store::error::StoreError;
use crate::store::sql::{Done, all, run};

pub(in crate::store) fn note(connection: &Connection, entry: &AuditEntry) -> Done {
    let AuditEntry { at, action, subject, reason } = entry;
    let statement = "INSERT INTO audit (at, action, subject, reason) VALUES ($1, $2, $3, $4)";
    run(connection, statement, params![at, action, subject, reason])
}

/// Audit entries, newest first.
pub(in crate::store) fn log(connection: &Connection, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    all(connection, "SELECT at, action, subject, reason FROM audit ORDER BY id DESC LIMIT $1", [limit], entry)
}

/// Deletes audit entries from before `limit`.
pub(in crate::store) fn forget(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM audit WHERE at <= $1", [limit])
}

/// Audit entries of one subject, oldest first.
pub(in crate::store) fn of_subject(
    connection: &Connection,
    subject: &str,
) -> Result<Vec<AuditEntry>, StoreError> {
    let query = "SELECT at, action, subject, reason FROM audit WHERE subject = $1 ORDER BY id";
    all(connection, query, [subject], entry)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry { at: row.get(0)?, action: row.get(1)?, subject: row.get(2)?, reason: row.get(3)? })
}
