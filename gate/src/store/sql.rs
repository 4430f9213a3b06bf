//! Every statement of the store. Numbered parameters and plain standard forms, which PostgreSQL speaks too.

use alloy::primitives::Address;
use futures::TryStreamExt;
use sentinel_proto::address::AccountAddress;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::binding::{Binding, BindingKey, Proof, Redemption};
use super::clock::UnixTime;
use super::error::StoreError;
use super::nonces::Nonce;
use super::secret::TokenHash;

type Done = Result<(), StoreError>;

/// Few sizes of multi-row statements, so that each stays prepared.
const CHUNKS: [usize; 3] = [64, 8, 1];

fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

async fn run(connection: &mut SqliteConnection, mut query: QueryBuilder<Sqlite>) -> Done {
    query.build().execute(connection).await?;
    Ok(())
}

/// Whether commits wait for the disk; outside of a transaction. The log stays whole either way.
pub(super) async fn synchronous(connection: &mut SqliteConnection, disk: bool) -> Done {
    let mode = if disk { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
    sqlx::query(mode).execute(connection).await?;
    Ok(())
}

pub(super) async fn begin(connection: &mut SqliteConnection) -> Done {
    // At once, so that a foreign lock shows before anything is done.
    sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
    Ok(())
}

pub(super) async fn commit(connection: &mut SqliteConnection) -> Done {
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

pub(super) async fn rollback(connection: &mut SqliteConnection) -> Done {
    sqlx::query("ROLLBACK").execute(connection).await?;
    Ok(())
}

/// Moves what the log has into the database, as far as no reader is in the way.
pub(super) async fn checkpoint(connection: &mut SqliteConnection) -> Done {
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(connection).await?;
    Ok(())
}

/// A nonce that is there already fails the statement.
pub(super) async fn use_nonces(connection: &mut SqliteConnection, nonces: &[Nonce]) -> Done {
    for chunk in chunks(nonces) {
        let mut query = QueryBuilder::new("INSERT INTO used_nonces (issued_at, nonce) ");
        query.push_values(chunk, |mut row, nonce| {
            row.push_bind(nonce.issued_at).push_bind(nonce.random.to_vec());
        });
        run(connection, query).await?;
    }
    Ok(())
}

pub(super) async fn insert_bindings(
    connection: &mut SqliteConnection,
    bindings: &[(i64, TokenHash, &Redemption)],
) -> Done {
    for chunk in chunks(bindings) {
        let mut query = QueryBuilder::new(
            "INSERT INTO bindings (id, account, wallet, vault, token_hash, source, issued_at, expires_at, \
             message, signature) ",
        );
        query.push_values(chunk, |mut row, (id, token, new)| {
            row.push_bind(*id)
                .push_bind(new.account.as_bytes().to_vec())
                .push_bind(new.wallet.to_vec())
                .push_bind(new.vault.map(|vault| vault.to_vec()))
                .push_bind(token.to_vec())
                .push_bind(new.source().label())
                .push_bind(new.issued_at)
                .push_bind(new.expires_at)
                .push_bind(new.proof.message.clone())
                .push_bind(new.proof.signature.clone());
        });
        run(connection, query).await?;
    }
    Ok(())
}

pub(super) async fn delete_bindings(connection: &mut SqliteConnection, ids: &[i64]) -> Done {
    for chunk in chunks(ids) {
        let mut query = QueryBuilder::new("DELETE FROM bindings WHERE id IN (");
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(*id);
        }
        query.push(")");
        run(connection, query).await?;
    }
    Ok(())
}

pub(super) async fn touch_bindings(connection: &mut SqliteConnection, touched: &[Binding]) -> Done {
    for binding in touched {
        sqlx::query("UPDATE bindings SET last_used_at = $1 WHERE id = $2")
            .bind(binding.last_used_at)
            .bind(binding.id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Hands over those that end after `limit`, oldest first.
pub(super) async fn load_bindings(
    connection: &mut SqliteConnection,
    limit: UnixTime,
    mut each: impl FnMut(Binding),
) -> Done {
    let mut rows = sqlx::query(
        "SELECT id, account, wallet, vault, issued_at, expires_at, last_used_at FROM bindings \
         WHERE expires_at > $1 ORDER BY id",
    )
    .bind(limit)
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        each(Binding {
            id: row.try_get(0)?,
            account: account(&row, 1)?,
            wallet: address(&row, 2)?.ok_or_else(|| corrupt("a binding without wallet"))?,
            vault: address(&row, 3)?,
            issued_at: row.try_get(4)?,
            expires_at: row.try_get(5)?,
            last_used_at: row.try_get(6)?,
            refused_at: None,
        });
    }
    Ok(())
}

/// Drops those that ended before `limit`. Reads the whole table.
pub(super) async fn forget_bindings(connection: &mut SqliteConnection, limit: UnixTime) -> Done {
    sqlx::query("DELETE FROM bindings WHERE expires_at <= $1").bind(limit).execute(connection).await?;
    Ok(())
}

pub(super) async fn last_binding(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(id) FROM bindings").fetch_one(connection).await?;
    Ok(last.unwrap_or(0))
}

pub(super) async fn proof(connection: &mut SqliteConnection, id: i64) -> Result<Option<Proof>, StoreError> {
    let row = sqlx::query("SELECT message, signature FROM bindings WHERE id = $1").bind(id);
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(Proof { message: row.try_get(0)?, signature: row.try_get(1)? }))
}

/// Whose binding it is, and the hash of the bearer's secret.
pub(super) async fn token(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<Option<(BindingKey, Vec<u8>)>, StoreError> {
    let row = sqlx::query("SELECT account, wallet, token_hash FROM bindings WHERE id = $1").bind(id);
    let Some(row) = row.fetch_optional(connection).await? else { return Ok(None) };
    let wallet = address(&row, 1)?.ok_or_else(|| corrupt("a binding without wallet"))?;
    Ok(Some((BindingKey { account: account(&row, 0)?, wallet }, row.try_get(2)?)))
}

pub(super) async fn load_nonces(connection: &mut SqliteConnection, mut each: impl FnMut(Nonce)) -> Done {
    let mut rows = sqlx::query("SELECT issued_at, nonce FROM used_nonces").fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let random: Vec<u8> = row.try_get(1)?;
        let random = random.try_into().map_err(|_| corrupt("a nonce of the wrong length"))?;
        each(Nonce { issued_at: row.try_get(0)?, random });
    }
    Ok(())
}

pub(super) async fn forget_nonces(connection: &mut SqliteConnection, horizon: UnixTime) -> Done {
    sqlx::query("DELETE FROM used_nonces WHERE issued_at <= $1").bind(horizon).execute(connection).await?;
    Ok(())
}

pub(super) async fn meta(
    connection: &mut SqliteConnection,
    name: &'static str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1").bind(name);
    Ok(value.fetch_optional(connection).await?)
}

pub(super) async fn set_meta(connection: &mut SqliteConnection, name: &'static str, value: Vec<u8>) -> Done {
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Database(format!("{what} in the database"))
}

pub(super) fn account(row: &SqliteRow, column: usize) -> Result<AccountAddress, StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes: [u8; 20] = bytes.try_into().map_err(|_| corrupt("an account of the wrong length"))?;
    Ok(AccountAddress::new(bytes))
}

pub(super) fn address(row: &SqliteRow, column: usize) -> Result<Option<Address>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let address = bytes.map(Address::try_from).transpose();
    address.map_err(|_| corrupt("an address of the wrong length"))
}
