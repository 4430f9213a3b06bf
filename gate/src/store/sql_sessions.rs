//! The statements on sessions.

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::cause::Cause;
use super::clock::UnixTime;
use super::error::StoreError;
use super::session::{SessionRecord, SessionState};
use super::sql::{account, address, corrupt};

type Done = Result<(), StoreError>;

/// Writes a session in the place of what was known of it, and closes the intent to let it in: in this order, so that
/// the session is known at every moment, in a transaction or not.
pub(super) async fn record(connection: &mut SqliteConnection, new: &SessionRecord, answer: &[u8]) -> Done {
    sqlx::query(
        "INSERT INTO sessions (session_id, account, wallet, vault, card, tier, service, peer_id, addresses, \
         handshake_hash, answer, admitted_at, decision_block, expires_at, state, cause, own_key, plan, ended_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, NULL) \
         ON CONFLICT (session_id) DO UPDATE SET account = excluded.account, wallet = excluded.wallet, \
         vault = excluded.vault, card = excluded.card, tier = excluded.tier, service = excluded.service, \
         peer_id = excluded.peer_id, addresses = excluded.addresses, \
         handshake_hash = excluded.handshake_hash, answer = excluded.answer, \
         admitted_at = excluded.admitted_at, decision_block = excluded.decision_block, \
         expires_at = excluded.expires_at, state = excluded.state, cause = excluded.cause, \
         own_key = excluded.own_key, plan = excluded.plan, ended_at = NULL; \
         DELETE FROM intents WHERE session_id = $1 AND peer_id = $8",
    )
    .bind(new.session_id.cast_signed())
    .bind(new.account.as_bytes().to_vec())
    .bind(new.wallet.map(|wallet| wallet.to_vec()))
    .bind(new.vault.map(|vault| vault.to_vec()))
    .bind(new.card.clone())
    .bind(new.tier.clone())
    .bind(new.service.clone())
    .bind(new.peer_id.clone())
    .bind(new.addresses.join("\n"))
    .bind(new.handshake_hash.to_vec())
    .bind(answer.to_vec())
    .bind(new.admitted_at)
    .bind(new.decision_block.cast_signed())
    .bind(new.expires_at)
    .bind(new.state.label())
    .bind(new.cause.map(Cause::label))
    .bind(new.own_key.map(|key| key.to_vec()))
    .bind(new.plan.map(u64::cast_signed))
    .execute(connection)
    .await?;
    Ok(())
}

/// What a session rests on now. Its tunnel key and the answer to its handshake never change.
pub(super) async fn update(connection: &mut SqliteConnection, new: &SessionRecord) -> Done {
    sqlx::query(
        "UPDATE sessions SET wallet = $1, vault = $2, card = $3, tier = $4, decision_block = $5, \
         expires_at = $6, state = $7, cause = $8, plan = $9 WHERE session_id = $10 AND ended_at IS NULL",
    )
    .bind(new.wallet.map(|wallet| wallet.to_vec()))
    .bind(new.vault.map(|vault| vault.to_vec()))
    .bind(new.card.clone())
    .bind(new.tier.clone())
    .bind(new.decision_block.cast_signed())
    .bind(new.expires_at)
    .bind(new.state.label())
    .bind(new.cause.map(Cause::label))
    .bind(new.plan.map(u64::cast_signed))
    .bind(new.session_id.cast_signed())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn mark(
    connection: &mut SqliteConnection,
    session_id: u64,
    state: SessionState,
    cause: Option<Cause>,
) -> Done {
    sqlx::query("UPDATE sessions SET state = $1, cause = $2 WHERE session_id = $3 AND ended_at IS NULL")
        .bind(state.label())
        .bind(cause.map(Cause::label))
        .bind(session_id.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn end(connection: &mut SqliteConnection, session_id: u64, at: UnixTime) -> Done {
    sqlx::query("UPDATE sessions SET ended_at = $1 WHERE session_id = $2 AND ended_at IS NULL")
        .bind(at)
        .bind(session_id.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops sessions that ended before `limit`.
pub(super) async fn forget(connection: &mut SqliteConnection, limit: UnixTime) -> Done {
    sqlx::query("DELETE FROM sessions WHERE ended_at <= $1").bind(limit).execute(connection).await?;
    Ok(())
}

/// Hands over every session that did not end.
pub(super) async fn load(connection: &mut SqliteConnection, mut each: impl FnMut(SessionRecord)) -> Done {
    let mut rows = sqlx::query(
        "SELECT session_id, account, wallet, vault, card, tier, service, peer_id, addresses, \
         handshake_hash, admitted_at, decision_block, expires_at, state, cause, own_key, plan FROM sessions \
         WHERE ended_at IS NULL",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        each(read(&row)?);
    }
    Ok(())
}

pub(super) fn read(row: &SqliteRow) -> Result<SessionRecord, StoreError> {
    let addresses: &str = row.try_get(8)?;
    let hash: &[u8] = row.try_get(9)?;
    let state: &str = row.try_get(13)?;
    let cause: Option<&str> = row.try_get(14)?;
    Ok(SessionRecord {
        session_id: row.try_get::<i64, _>(0)?.cast_unsigned(),
        account: account(row, 1)?,
        wallet: address(row, 2)?,
        vault: address(row, 3)?,
        card: row.try_get(4)?,
        tier: row.try_get(5)?,
        service: row.try_get(6)?,
        peer_id: row.try_get(7)?,
        addresses: addresses.lines().map(str::to_owned).collect(),
        handshake_hash: hash.try_into().map_err(|_| corrupt("a handshake hash of the wrong length"))?,
        admitted_at: row.try_get(10)?,
        decision_block: row.try_get::<i64, _>(11)?.cast_unsigned(),
        expires_at: row.try_get(12)?,
        state: SessionState::parse(state).ok_or_else(|| corrupt("an unknown state"))?,
        cause: cause.and_then(Cause::parse),
        own_key: address(row, 15)?,
        plan: row.try_get::<Option<i64>, _>(16)?.map(i64::cast_unsigned),
    })
}

/// The bytes that the node answered to the session's handshake.
pub(super) async fn answer(
    connection: &mut SqliteConnection,
    session_id: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = sqlx::query_scalar("SELECT answer FROM sessions WHERE session_id = $1 AND ended_at IS NULL");
    Ok(answer.bind(session_id.cast_signed()).fetch_optional(connection).await?)
}
