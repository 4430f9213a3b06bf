//! The statements on handshakes that are with the node.

use futures::TryStreamExt;
use sqlx::sqlite::SqliteConnection;

use super::error::StoreError;
use super::session::SessionRecord;
use super::sql_sessions;

type Done = Result<(), StoreError>;

pub(super) async fn note(connection: &mut SqliteConnection, new: &SessionRecord) -> Done {
    sqlx::query(
        "INSERT OR REPLACE INTO intents (session_id, peer_id, account, wallet, vault, card, tier, service, \
         handshake_hash, admitted_at, decision_block, expires_at, own_key, plan) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(new.session_id.cast_signed())
    .bind(new.peer_id.clone())
    .bind(new.account.as_bytes().to_vec())
    .bind(new.wallet.map(|wallet| wallet.to_vec()))
    .bind(new.vault.map(|vault| vault.to_vec()))
    .bind(new.card.clone())
    .bind(new.tier.clone())
    .bind(new.service.clone())
    .bind(new.handshake_hash.to_vec())
    .bind(new.admitted_at)
    .bind(new.decision_block.cast_signed())
    .bind(new.expires_at)
    .bind(new.own_key.map(|key| key.to_vec()))
    .bind(new.plan.map(u64::cast_signed))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn settle(connection: &mut SqliteConnection, session_id: u64, peer_id: &str) -> Done {
    sqlx::query("DELETE FROM intents WHERE session_id = $1 AND peer_id = $2")
        .bind(session_id.cast_signed())
        .bind(peer_id.to_owned())
        .execute(connection)
        .await?;
    Ok(())
}

/// Hands over those that the end of the process left open.
pub(super) async fn load(connection: &mut SqliteConnection, mut each: impl FnMut(SessionRecord)) -> Done {
    let mut rows = sqlx::query(
        "SELECT session_id, account, wallet, vault, card, tier, service, peer_id, '', handshake_hash, \
         admitted_at, decision_block, expires_at, 'live', NULL, own_key, plan FROM intents",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        each(sql_sessions::read(&row)?);
    }
    Ok(())
}

/// The newest answer that was kept of this service's handshakes.
pub(super) async fn newest_answer(
    connection: &mut SqliteConnection,
    service: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let answer = sqlx::query_scalar(
        "SELECT answer FROM sessions WHERE service = $1 AND length(answer) > 0 \
         ORDER BY admitted_at DESC, session_id DESC LIMIT 1",
    );
    Ok(answer.bind(service.to_owned()).fetch_optional(connection).await?)
}
