//! SQL of sessions.

use alloy::primitives::Address;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::store::clock::UnixTime;
use crate::store::error::StoreError;
use crate::store::intents::sql as intent_sql;
use crate::store::sessions::cause::EvictionCause;
use crate::store::sessions::record::{SessionRecord, SessionState};
use crate::store::sql::{Done, account, address, bytes, corrupt, each, run};

/// Writes a session, replacing its older record, and deletes its intent.
pub(in crate::store) fn record(connection: &Connection, new: &SessionRecord, answer: &[u8]) -> Done {
    run(
        connection,
        "INSERT INTO sessions (session_id, account, wallet, vault, card, tier, service, peer_id, addresses, \
         handshake_hash, answer, admitted_at, decision_block, expires_at, state, cause, own_key, plan, via, \
         collection, evicted_at, slot_holder, signed_in_after, ended_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22, $23, NULL) \
         ON CONFLICT (session_id) DO UPDATE SET account = excluded.account, wallet = excluded.wallet, \
         vault = excluded.vault, card = excluded.card, tier = excluded.tier, service = excluded.service, \
         peer_id = excluded.peer_id, addresses = excluded.addresses, \
         handshake_hash = excluded.handshake_hash, answer = excluded.answer, \
         admitted_at = excluded.admitted_at, decision_block = excluded.decision_block, \
         expires_at = excluded.expires_at, state = excluded.state, cause = excluded.cause, \
         own_key = excluded.own_key, plan = excluded.plan, via = excluded.via, \
         collection = excluded.collection, evicted_at = excluded.evicted_at, \
         slot_holder = excluded.slot_holder, signed_in_after = excluded.signed_in_after, ended_at = NULL",
        params![
            new.session_id.cast_signed(),
            new.account.as_bytes(),
            bytes(new.wallet.as_ref()),
            bytes(new.vault.as_ref()),
            new.card,
            new.tier,
            new.service,
            new.peer_id,
            new.addresses.join("\n"),
            new.handshake_hash,
            answer,
            new.admitted_at,
            new.decision_block.cast_signed(),
            new.expires_at,
            new.state.label(),
            new.cause.map(EvictionCause::label),
            bytes(new.own_key.as_ref()),
            new.plan.map(u64::cast_signed),
            new.via,
            bytes(new.collection.as_ref()),
            new.evicted_at,
            bytes(new.slot_holder.as_ref()),
            new.signed_in_after,
        ],
    )?;
    intent_sql::settle(connection, new.session_id, &new.peer_id)
}

/// Updates the basis of a session. Its tunnel key and the answer to its handshake never change.
pub(in crate::store) fn update(connection: &Connection, new: &SessionRecord) -> Done {
    run(
        connection,
        "UPDATE sessions SET wallet = $1, vault = $2, card = $3, tier = $4, decision_block = $5, \
         expires_at = $6, state = $7, cause = $8, plan = $9, via = $10, collection = $11, evicted_at = $12, \
         signed_in_after = $13 WHERE session_id = $14 AND ended_at IS NULL",
        params![
            bytes(new.wallet.as_ref()),
            bytes(new.vault.as_ref()),
            new.card,
            new.tier,
            new.decision_block.cast_signed(),
            new.expires_at,
            new.state.label(),
            new.cause.map(EvictionCause::label),
            new.plan.map(u64::cast_signed),
            new.via,
            bytes(new.collection.as_ref()),
            new.evicted_at,
            new.signed_in_after,
            new.session_id.cast_signed(),
        ],
    )
}

pub(in crate::store) fn mark(
    connection: &Connection,
    session_id: u64,
    state: SessionState,
    cause: Option<EvictionCause>,
    evicted_at: Option<UnixTime>,
) -> Done {
    let statement = "UPDATE sessions SET state = $1, cause = $2, evicted_at = $3 \
         WHERE session_id = $4 AND ended_at IS NULL";
    let cause = cause.map(EvictionCause::label);
    run(connection, statement, params![state.label(), cause, evicted_at, session_id.cast_signed()])
}

pub(in crate::store) fn end(connection: &Connection, session_id: u64, at: UnixTime) -> Done {
    let statement = "UPDATE sessions SET ended_at = $1 WHERE session_id = $2 AND ended_at IS NULL";
    run(connection, statement, [at, session_id.cast_signed()])
}

/// Deletes sessions that ended before `limit`.
pub(in crate::store) fn forget(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM sessions WHERE ended_at <= $1", [limit])
}

/// Passes every session that has not ended to `found`.
pub(in crate::store) fn load(connection: &Connection, mut found: impl FnMut(SessionRecord)) -> Done {
    let query = "SELECT session_id, account, wallet, vault, card, tier, service, peer_id, addresses, \
         handshake_hash, admitted_at, decision_block, expires_at, state, cause, own_key, plan, via, collection, \
         evicted_at, slot_holder, signed_in_after FROM sessions \
         WHERE ended_at IS NULL";
    each(connection, query, [], |row| {
        found(read(row)?);
        Ok(())
    })
}

pub(in crate::store) fn read(row: &Row<'_>) -> Result<SessionRecord, StoreError> {
    let addresses: String = row.get(8)?;
    let state: String = row.get(13)?;
    let cause: Option<String> = row.get(14)?;
    Ok(SessionRecord {
        session_id: row.get::<_, i64>(0)?.cast_unsigned(),
        account: account(row, 1)?,
        wallet: address(row, 2)?,
        vault: address(row, 3)?,
        card: row.get(4)?,
        tier: row.get(5)?,
        service: row.get(6)?,
        peer_id: row.get(7)?,
        addresses: addresses.lines().map(str::to_owned).collect(),
        handshake_hash: row.get(9).map_err(|_| corrupt("a handshake hash of the wrong length"))?,
        admitted_at: row.get(10)?,
        decision_block: row.get::<_, i64>(11)?.cast_unsigned(),
        expires_at: row.get(12)?,
        state: SessionState::parse(&state).ok_or_else(|| corrupt("an unknown state"))?,
        cause: cause.as_deref().and_then(EvictionCause::parse),
        own_key: address(row, 15)?,
        plan: row.get::<_, Option<i64>>(16)?.map(i64::cast_unsigned),
        via: row.get(17)?,
        collection: address(row, 18)?,
        evicted_at: row.get(19)?,
        slot_holder: address(row, 20)?,
        signed_in_after: row.get(21)?,
    })
}

/// The bytes that the node answered to the session's handshake.
pub(in crate::store) fn answer(
    connection: &Connection,
    session_id: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = "SELECT answer FROM sessions WHERE session_id = $1 AND ended_at IS NULL";
    Ok(connection.query_row(query, [session_id.cast_signed()], |row| row.get(0)).optional()?)
}

/// Passes holder and time of each admission after `since` to `found`, ended sessions included.
pub(in crate::store) fn load_admissions(
    connection: &Connection,
    since: UnixTime,
    mut found: impl FnMut(Address, UnixTime),
) -> Done {
    let query = "SELECT slot_holder, admitted_at FROM sessions WHERE admitted_at > $1 ORDER BY admitted_at";
    each(connection, query, [since], |row| {
        if let Some(holder) = address(row, 0)? {
            found(holder, row.get(1)?);
        }
        Ok(())
    })
}

/// The newest stored answer to a handshake for this service.
pub(in crate::store) fn newest_answer(
    connection: &Connection,
    service: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = "SELECT answer FROM sessions WHERE service = $1 AND length(answer) > 0 \
         ORDER BY admitted_at DESC, session_id DESC LIMIT 1";
    Ok(connection.query_row(query, [service], |row| row.get(0)).optional()?)
}
