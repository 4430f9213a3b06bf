//! SQL of handshake intents.

use rusqlite::{Connection, params};

use crate::store::sessions::record::SessionRecord;
use crate::store::sessions::sql as session_sql;
use crate::store::sql::{Done, bytes, each, run};

pub(in crate::store) fn note(connection: &Connection, new: &SessionRecord) -> Done {
    run(
        connection,
        "INSERT OR REPLACE INTO intents (session_id, peer_id, account, wallet, vault, card, tier, service, \
         handshake_hash, admitted_at, decision_block, expires_at, own_key, plan, via, collection) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        params![
            new.session_id.cast_signed(),
            new.peer_id,
            new.account.as_bytes(),
            bytes(new.wallet.as_ref()),
            bytes(new.vault.as_ref()),
            new.card,
            new.tier,
            new.service,
            new.handshake_hash,
            new.admitted_at,
            new.decision_block.cast_signed(),
            new.expires_at,
            bytes(new.own_key.as_ref()),
            new.plan.map(u64::cast_signed),
            new.via,
            bytes(new.collection.as_ref()),
        ],
    )
}

pub(in crate::store) fn settle(connection: &Connection, session_id: u64, peer_id: &str) -> Done {
    let statement = "DELETE FROM intents WHERE session_id = $1 AND peer_id = $2";
    run(connection, statement, params![session_id.cast_signed(), peer_id])
}

/// Passes the intents that a former process left to `found`.
pub(in crate::store) fn load(connection: &Connection, mut found: impl FnMut(SessionRecord)) -> Done {
    let query = "SELECT session_id, account, wallet, vault, card, tier, service, peer_id, '', handshake_hash, \
         admitted_at, decision_block, expires_at, 'live', NULL, own_key, plan, via, collection, NULL, \
         coalesce(vault, wallet), NULL FROM intents";
    each(connection, query, [], |row| {
        found(session_sql::read(row)?);
        Ok(())
    })
}
