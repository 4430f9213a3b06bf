//! The statements on the audit log and on what is kept of one wallet.

use alloy::primitives::Address;
use rusqlite::{Connection, Row, params};

use super::audit::{AuditEntry, Kept, KeptBinding, KeptHandshake, KeptSession};
use super::clock::UnixTime;
use super::error::StoreError;
use super::sql::{Done, account, address, each, run, wallet};

/// In the place of an erased wallet.
const ERASED: &str = "erased";

pub(super) fn note(connection: &Connection, entry: &AuditEntry) -> Done {
    let AuditEntry { at, action, subject, reason } = entry;
    let statement = "INSERT INTO audit (at, action, subject, reason) VALUES ($1, $2, $3, $4)";
    run(connection, statement, params![at, action, subject, reason])
}

/// The newest deeds, newest first.
pub(super) fn log(connection: &Connection, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let mut entries = Vec::new();
    let query = "SELECT at, action, subject, reason FROM audit ORDER BY id DESC LIMIT $1";
    each(connection, query, [limit], |row| {
        entries.push(entry(row)?);
        Ok(())
    })?;
    Ok(entries)
}

/// Drops deeds from before `limit`.
pub(super) fn forget(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM audit WHERE at <= $1", [limit])
}

pub(super) fn kept(connection: &Connection, asked: Address) -> Result<Kept, StoreError> {
    let mut kept = Kept::default();
    let query = "SELECT account, wallet, vault, issued_at, expires_at, message FROM bindings \
         WHERE wallet = $1 OR vault = $1 ORDER BY id";
    each(connection, query, [asked.as_slice()], |row| {
        kept.bindings.push(KeptBinding {
            account: account(row, 0)?.to_string(),
            wallet: wallet(row, 1)?.to_checksum(None),
            vault: address(row, 2)?.map(|vault| vault.to_checksum(None)),
            issued_at: row.get(3)?,
            expires_at: row.get(4)?,
            message: row.get(5)?,
        });
        Ok(())
    })?;
    let query = "SELECT session_id, account, admitted_at, ended_at, addresses FROM sessions \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 ORDER BY session_id";
    each(connection, query, [asked.as_slice()], |row| {
        let addresses: String = row.get(4)?;
        kept.sessions.push(KeptSession {
            session_id: row.get::<_, i64>(0)?.cast_unsigned(),
            account: account(row, 1)?.to_string(),
            admitted_at: row.get(2)?,
            ended_at: row.get(3)?,
            addresses: addresses.lines().map(str::to_owned).collect(),
        });
        Ok(())
    })?;
    let query = "SELECT session_id, account, admitted_at FROM intents \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 ORDER BY session_id";
    each(connection, query, [asked.as_slice()], |row| {
        kept.open.push(KeptHandshake {
            session_id: row.get::<_, i64>(0)?.cast_unsigned(),
            account: account(row, 1)?.to_string(),
            admitted_at: row.get(2)?,
        });
        Ok(())
    })?;
    let query = "SELECT at, action, subject, reason FROM audit WHERE subject = $1 ORDER BY id";
    each(connection, query, [asked.to_checksum(None)], |row| {
        kept.audit.push(entry(row)?);
        Ok(())
    })?;
    Ok(kept)
}

/// Forgets a wallet. What must stay, as the tunnel key of a session that lives on the hub, stays without it.
pub(super) fn erase(connection: &Connection, wallet: Address) -> Done {
    for statement in [
        "DELETE FROM bindings WHERE wallet = $1",
        "UPDATE bindings SET vault = NULL WHERE vault = $1",
        "DELETE FROM sessions WHERE ended_at IS NOT NULL AND (wallet = $1 OR vault = $1 OR own_key = $1)",
        "UPDATE sessions SET wallet = NULL, vault = NULL, card = NULL, own_key = NULL \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1",
        "UPDATE intents SET wallet = NULL, vault = NULL, card = NULL, own_key = NULL \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1",
    ] {
        run(connection, statement, [wallet.as_slice()])?;
    }
    run(connection, "UPDATE audit SET subject = $1 WHERE subject = $2", [ERASED, &wallet.to_checksum(None)])
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry { at: row.get(0)?, action: row.get(1)?, subject: row.get(2)?, reason: row.get(3)? })
}
