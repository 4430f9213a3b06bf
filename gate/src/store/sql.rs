//! Common parts of the statements and the table `meta`. Each repository has its statements beside it, in `sql.rs`.
//! Numbered parameters and plain standard forms, which PostgreSQL accepts too. The numbers first appear in
//! their order, because SQLite counts by that.

use alloy::primitives::Address;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use sentinel_proto::address::AccountAddress;

use super::error::StoreError;

pub(super) type Done = Result<(), StoreError>;

/// Runs one statement and keeps it prepared.
pub(super) fn run(connection: &Connection, statement: &str, parameters: impl Params) -> Done {
    connection.prepare_cached(statement)?.execute(parameters)?;
    Ok(())
}

/// Calls `each` for every row of a query.
pub(super) fn each(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    mut each: impl FnMut(&Row<'_>) -> Done,
) -> Done {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}

/// Collects the rows of a query.
pub(super) fn all<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    each(connection, query, parameters, |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Encodes an address for a column.
pub(super) fn bytes(address: Option<&Address>) -> Option<&[u8]> {
    address.map(|address| address.as_slice())
}

/// Sets whether commits wait for the disk; call it outside of a transaction. The log stays consistent either way.
pub(super) fn synchronous(connection: &Connection, disk: bool) -> Done {
    let mode = if disk { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
    Ok(connection.execute_batch(mode)?)
}

pub(super) fn begin(connection: &Connection) -> Done {
    // Immediate, so that a foreign lock shows before any work.
    run(connection, "BEGIN IMMEDIATE", [])
}

pub(super) fn commit(connection: &Connection) -> Done {
    run(connection, "COMMIT", [])
}

pub(super) fn rollback(connection: &Connection) -> Done {
    run(connection, "ROLLBACK", [])
}

/// Checkpoints the log into the database, as far as readers allow.
pub(super) fn checkpoint(connection: &Connection) -> Done {
    Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}

/// Checkpoints and truncates the log; returns whether no reader prevented it.
pub(super) fn empty_log(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))?)
}

pub(super) fn meta(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let query = "SELECT value FROM meta WHERE name = $1";
    Ok(connection.query_row(query, [name], |row| row.get(0)).optional()?)
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> Done {
    run(
        connection,
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, value],
    )
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Database(format!("{what} in the database"))
}

pub(super) fn account(row: &Row<'_>, column: usize) -> Result<AccountAddress, StoreError> {
    let bytes = row.get_ref(column)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(AccountAddress::new).ok_or_else(|| corrupt("an account of the wrong length"))
}

pub(super) fn address(row: &Row<'_>, column: usize) -> Result<Option<Address>, StoreError> {
    let wrong = || corrupt("an address of the wrong length");
    let bytes = row.get_ref(column)?.as_blob_or_null().map_err(|_| wrong())?;
    bytes.map(Address::try_from).transpose().map_err(|_| wrong())
}

pub(super) fn wallet(row: &Row<'_>, column: usize) -> Result<Address, StoreError> {
    address(row, column)?.ok_or_else(|| corrupt("a binding without wallet"))
}
