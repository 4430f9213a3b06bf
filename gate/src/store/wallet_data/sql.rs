//! SQL of the export and the erasure of a wallet, over the tables of all repositories.

use alloy::primitives::Address;
use rusqlite::Connection;

use crate::store::audit::sql as audit_sql;
use crate::store::error::StoreError;
use crate::store::sql::{Done, account, address, all, run, wallet};
use crate::store::wallet_data::{ExportedBinding, ExportedHandshake, ExportedSession, WalletExport};

/// Audit subject that replaces an erased wallet.
const ERASED: &str = "erased";

pub(in crate::store) fn kept(connection: &Connection, asked: Address) -> Result<WalletExport, StoreError> {
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
    let audit = audit_sql::of_subject(connection, &asked.to_checksum(None))?;
    Ok(WalletExport { bindings, sessions, open, audit })
}

/// Erases a wallet. Data that must stay, as the tunnel key of a session on the hub, stays without the wallet.
pub(in crate::store) fn erase(connection: &Connection, wallet: Address) -> Done {
    for statement in [
        "DELETE FROM bindings WHERE wallet = $1",
        // The signed text names the vault too.
        "UPDATE bindings SET vault = NULL, message = '', signature = x'' WHERE vault = $1",
        "UPDATE bindings SET holders = NULL WHERE instr(holders, $1) > 0",
        "DELETE FROM sessions WHERE ended_at IS NOT NULL AND (wallet = $1 OR vault = $1 OR own_key = $1 \
         OR slot_holder = $1)",
        // A basis of another wallet stays: without it no event would concern the session.
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
