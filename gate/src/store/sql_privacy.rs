//! SQL of the audit log, the export and the erasure of a wallet.

use alloy::primitives::Address;
use rusqlite::{Connection, Row, params};

use super::audit::{AuditEntry, ExportedBinding, ExportedHandshake, ExportedSession, WalletExport};
use super::clock::UnixTime;
use super::error::StoreError;
use super::sql::{Done, account, address, all, run, wallet};

/// Audit subject that replaces an erased wallet.
const ERASED: &str = "erased";

pub(super) fn note(connection: &Connection, entry: &AuditEntry) -> Done {
    let AuditEntry { at, action, subject, reason } = entry;
    let statement = "INSERT INTO audit (at, action, subject, reason) VALUES ($1, $2, $3, $4)";
    run(connection, statement, params![at, action, subject, reason])
}

/// Audit entries, newest first.
pub(super) fn log(connection: &Connection, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    all(connection, "SELECT at, action, subject, reason FROM audit ORDER BY id DESC LIMIT $1", [limit], entry)
}

/// Deletes audit entries from before `limit`.
pub(super) fn forget(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM audit WHERE at <= $1", [limit])
}

pub(super) fn kept(connection: &Connection, asked: Address) -> Result<WalletExport, StoreError> {
    let query = "SELECT account, wallet, vault, issued_at, expires_at, message FROM bindings \
         WHERE wallet = $1 OR vault = $1 ORDER BY id";
    let bindings = all(connection, query, [asked.as_slice()], |row| {
        Ok(ExportedBinding {
            account: account(row, 0)?.to_string(),
            wallet: wallet(row, 1)?.to_checksum(None),
            vault: address(row, 2)?.map(|vault| vault.to_checksum(None)),
            issued_at: row.get(3)?,
            expires_at: row.get(4)?,
            message: row.get(5)?,
        })
    })?;
    let query = "SELECT session_id, account, admitted_at, ended_at, addresses FROM sessions \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 OR slot_holder = $1 ORDER BY session_id";
    let sessions = all(connection, query, [asked.as_slice()], |row| {
        let addresses: String = row.get(4)?;
        Ok(ExportedSession {
            session_id: row.get::<_, i64>(0)?.cast_unsigned(),
            account: account(row, 1)?.to_string(),
            admitted_at: row.get(2)?,
            ended_at: row.get(3)?,
            addresses: addresses.lines().map(str::to_owned).collect(),
        })
    })?;
    let query = "SELECT session_id, account, admitted_at FROM intents \
         WHERE wallet = $1 OR vault = $1 OR own_key = $1 ORDER BY session_id";
    let open = all(connection, query, [asked.as_slice()], |row| {
        Ok(ExportedHandshake {
            session_id: row.get::<_, i64>(0)?.cast_unsigned(),
            account: account(row, 1)?.to_string(),
            admitted_at: row.get(2)?,
        })
    })?;
    let query = "SELECT at, action, subject, reason FROM audit WHERE subject = $1 ORDER BY id";
    let audit = all(connection, query, [asked.to_checksum(None)], entry)?;
    Ok(WalletExport { bindings, sessions, open, audit })
}

/// Forgets a wallet. What must stay, as the tunnel key of a session that lives on the hub, stays without it.
pub(super) fn erase(connection: &Connection, wallet: Address) -> Done {
    for statement in [
        "DELETE FROM bindings WHERE wallet = $1",
        // The signed text names the vault too.
        "UPDATE bindings SET vault = NULL, message = '', signature = x'' WHERE vault = $1",
        "UPDATE bindings SET holders = NULL WHERE instr(holders, $1) > 0",
        "DELETE FROM sessions WHERE ended_at IS NOT NULL AND (wallet = $1 OR vault = $1 OR own_key = $1 \
         OR slot_holder = $1)",
        // What a session rests on by another wallet stays: else no event would name it.
        "UPDATE sessions SET wallet = NULL, vault = NULL, collection = NULL, card = NULL \
         WHERE wallet = $1 OR vault = $1",
        "UPDATE sessions SET own_key = NULL WHERE own_key = $1",
        "UPDATE sessions SET slot_holder = NULL WHERE slot_holder = $1",
        "UPDATE intents SET wallet = NULL, vault = NULL, collection = NULL, card = NULL \
         WHERE wallet = $1 OR vault = $1",
        "UPDATE intents SET own_key = NULL WHERE own_key = $1",
    ] {
        run(connection, statement, [wallet.as_slice()])?;
    }
    run(connection, "UPDATE audit SET subject = $1 WHERE subject = $2", [ERASED, &wallet.to_checksum(None)])
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry { at: row.get(0)?, action: row.get(1)?, subject: row.get(2)?, reason: row.get(3)? })
}
