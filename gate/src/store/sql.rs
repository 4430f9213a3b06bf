//! Every statement of the store. Numbered parameters and plain standard forms, which PostgreSQL speaks too. The numbers
//! first appear in their order, since SQLite counts by that.

use alloy::primitives::Address;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use sentinel_proto::address::AccountAddress;

use super::binding::{Binding, BindingKey, Proof, Redemption};
use super::clock::UnixTime;
use super::error::StoreError;
use super::nonces::Nonce;
use super::secret::TokenHash;

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

/// Inserts a used nonce; fails if it exists.
pub(super) fn use_nonce(connection: &Connection, nonce: &Nonce) -> Done {
    let statement = "INSERT INTO used_nonces (issued_at, nonce) VALUES ($1, $2)";
    run(connection, statement, params![nonce.issued_at, nonce.random])
}

pub(super) fn insert_binding(
    connection: &Connection,
    binding: &Binding,
    token: &TokenHash,
    new: &Redemption,
) -> Done {
    run(
        connection,
        "INSERT INTO bindings (id, account, wallet, vault, token_hash, source, issued_at, expires_at, \
         message, signature, last_used_at, holders) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            binding.id,
            new.account.as_bytes(),
            new.wallet.as_slice(),
            bytes(new.vault.as_ref()),
            token,
            new.source().label(),
            new.issued_at,
            new.expires_at,
            new.proof.message,
            new.proof.signature,
            binding.last_used_at,
            new.foreign_holders().map(<[Address]>::concat),
        ],
    )
}

pub(super) fn delete_binding(connection: &Connection, id: i64) -> Done {
    run(connection, "DELETE FROM bindings WHERE id = $1", [id])
}

pub(super) fn touch_binding(connection: &Connection, touched: &Binding) -> Done {
    let statement = "UPDATE bindings SET last_used_at = $1 WHERE id = $2";
    run(connection, statement, params![touched.last_used_at, touched.id])
}

/// Loads bindings that expire after `limit`, oldest first.
pub(super) fn load_bindings(
    connection: &Connection,
    limit: UnixTime,
    mut found: impl FnMut(&Binding, &[Address]),
) -> Done {
    let query = "SELECT id, account, wallet, vault, issued_at, expires_at, last_used_at, holders FROM bindings \
         WHERE expires_at > $1 ORDER BY id";
    each(connection, query, [limit], |row| {
        let holders: Option<Vec<u8>> = row.get(7)?;
        let (holders, _) = holders.as_deref().unwrap_or_default().as_chunks::<20>();
        let holders: Vec<Address> = holders.iter().map(Address::from).collect();
        let binding = Binding {
            id: row.get(0)?,
            account: account(row, 1)?,
            wallet: wallet(row, 2)?,
            vault: address(row, 3)?,
            issued_at: row.get(4)?,
            expires_at: row.get(5)?,
            last_used_at: row.get(6)?,
            refused_at: None,
        };
        found(&binding, &holders);
        Ok(())
    })
}

/// Deletes bindings that expired before `limit`. Scans the whole table.
pub(super) fn forget_bindings(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM bindings WHERE expires_at <= $1", [limit])
}

pub(super) fn last_binding(connection: &Connection) -> Result<i64, StoreError> {
    let last: Option<i64> = connection.query_row("SELECT MAX(id) FROM bindings", [], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

pub(super) fn proof(connection: &Connection, id: i64) -> Result<Option<Proof>, StoreError> {
    let proof = |row: &Row<'_>| Ok(Proof { message: row.get(0)?, signature: row.get(1)? });
    let query = "SELECT message, signature FROM bindings WHERE id = $1";
    Ok(connection.query_row(query, [id], proof).optional()?)
}

/// Key of the binding, and the hash of the bearer's secret.
pub(super) fn token(connection: &Connection, id: i64) -> Result<Option<(BindingKey, Vec<u8>)>, StoreError> {
    let mut found = None;
    let query = "SELECT account, wallet, token_hash FROM bindings WHERE id = $1";
    each(connection, query, [id], |row| {
        found = Some((BindingKey { account: account(row, 0)?, wallet: wallet(row, 1)? }, row.get(2)?));
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn load_nonces(connection: &Connection, mut found: impl FnMut(Nonce)) -> Done {
    each(connection, "SELECT issued_at, nonce FROM used_nonces", [], |row| {
        let random = row.get_ref(1)?.as_blob().ok().and_then(|random| random.try_into().ok());
        let random = random.ok_or_else(|| corrupt("a nonce of the wrong length"))?;
        found(Nonce { issued_at: row.get(0)?, random });
        Ok(())
    })
}

pub(super) fn forget_nonces(connection: &Connection, horizon: UnixTime) -> Done {
    run(connection, "DELETE FROM used_nonces WHERE issued_at <= $1", [horizon])
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
