//! The statements on the audit log and on what is kept of one wallet.

use alloy::primitives::Address;
use futures::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::audit::{AuditEntry, Kept, KeptBinding, KeptHandshake, KeptSession};
use super::clock::UnixTime;
use super::error::StoreError;
use super::sql::{account, address, corrupt};

type Done = Result<(), StoreError>;

/// In the place of an erased wallet.
const ERASED: &str = "erased";

pub(super) async fn note(connection: &mut SqliteConnection, entry: &AuditEntry) -> Done {
    sqlx::query("INSERT INTO audit (at, action, subject, reason) VALUES ($1, $2, $3, $4)")
        .bind(entry.at)
        .bind(entry.action.clone())
        .bind(entry.subject.clone())
        .bind(entry.reason.clone())
        .execute(connection)
        .await?;
    Ok(())
}

/// The newest deeds, newest first.
pub(super) async fn log(
    connection: &mut SqliteConnection,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = sqlx::query("SELECT at, action, subject, reason FROM audit ORDER BY id DESC LIMIT $1");
    let rows = rows.bind(limit).fetch_all(connection).await?;
    rows.iter().map(entry).collect()
}

/// Drops deeds from before `limit`.
pub(super) async fn forget(connection: &mut SqliteConnection, limit: UnixTime) -> Done {
    sqlx::query("DELETE FROM audit WHERE at <= $1").bind(limit).execute(connection).await?;
    Ok(())
}

pub(super) async fn kept(connection: &mut SqliteConnection, wallet: Address) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    let mut rows = sqlx::query(
        "SELECT account, wallet, vault, issued_at, expires_at, message FROM bindings \
         WHERE wallet = $1 OR vault = $1 ORDER BY id",
    )
    .bind(wallet.to_vec())
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let signer = address(&row, 1)?.ok_or_else(|| corrupt("a binding without wallet"))?;
        kept.bindings.push(KeptBinding {
            account: account(&row, 0)?.to_string(),
            wallet: signer.to_checksum(None),
            vault: address(&row, 2)?.map(|vault| vault.to_checksum(None)),
            issued_at: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            message: row.try_get(5)?,
        });
    }
    drop(rows);
    let mut rows = sqlx::query(
        "SELECT session_id, account, admitted_at, ended_at, addresses FROM sessions \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 ORDER BY session_id",
    )
    .bind(wallet.to_vec())
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let addresses: &str = row.try_get(4)?;
        kept.sessions.push(KeptSession {
            session_id: row.try_get::<i64, _>(0)?.cast_unsigned(),
            account: account(&row, 1)?.to_string(),
            admitted_at: row.try_get(2)?,
            ended_at: row.try_get(3)?,
            addresses: addresses.lines().map(str::to_owned).collect(),
        });
    }
    drop(rows);
    let mut rows = sqlx::query(
        "SELECT session_id, account, admitted_at FROM intents \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 ORDER BY session_id",
    )
    .bind(wallet.to_vec())
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        kept.open.push(KeptHandshake {
            session_id: row.try_get::<i64, _>(0)?.cast_unsigned(),
            account: account(&row, 1)?.to_string(),
            admitted_at: row.try_get(2)?,
        });
    }
    drop(rows);
    let rows = sqlx::query("SELECT at, action, subject, reason FROM audit WHERE subject = $1 ORDER BY id");
    let rows = rows.bind(wallet.to_checksum(None)).fetch_all(connection).await?;
    kept.audit = rows.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(kept)
}

/// Forgets a wallet. What must stay, as the tunnel key of a session that lives on the hub, stays without it.
pub(super) async fn erase(connection: &mut SqliteConnection, wallet: Address) -> Done {
    for statement in [
        "DELETE FROM bindings WHERE wallet = $1",
        "UPDATE bindings SET vault = NULL WHERE vault = $1",
        "DELETE FROM sessions WHERE ended_at IS NOT NULL AND (wallet = $1 OR vault = $1 OR own_key = $1)",
        "UPDATE sessions SET wallet = NULL, vault = NULL, card = NULL, own_key = NULL \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1",
        "UPDATE intents SET wallet = NULL, vault = NULL, card = NULL, own_key = NULL \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1",
    ] {
        sqlx::query(statement).bind(wallet.to_vec()).execute(&mut *connection).await?;
    }
    sqlx::query("UPDATE audit SET subject = $1 WHERE subject = $2")
        .bind(ERASED)
        .bind(wallet.to_checksum(None))
        .execute(connection)
        .await?;
    Ok(())
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        at: row.try_get(0)?,
        action: row.try_get(1)?,
        subject: row.try_get(2)?,
        reason: row.try_get(3)?,
    })
}
