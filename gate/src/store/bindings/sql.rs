//! SQL of bindings and used nonces.

use alloy::primitives::Address;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::store::bindings::binding::{Binding, BindingKey, BindingProof, Redemption};
use crate::store::bindings::nonces::Nonce;
use crate::store::clock::UnixTime;
use crate::store::error::StoreError;
use crate::store::secret::TokenHash;
use crate::store::sql::{Done, account, address, bytes, corrupt, each, run, wallet};

/// Inserts a used nonce; fails if it exists.
pub(in crate::store) fn use_nonce(connection: &Connection, nonce: &Nonce) -> Done {
    let statement = "INSERT INTO used_nonces (issued_at, nonce) VALUES ($1, $2)";
    run(connection, statement, params![nonce.issued_at, nonce.random])
}

pub(in crate::store) fn insert_binding(
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

pub(in crate::store) fn delete_binding(connection: &Connection, id: i64) -> Done {
    run(connection, "DELETE FROM bindings WHERE id = $1", [id])
}

pub(in crate::store) fn touch_binding(connection: &Connection, touched: &Binding) -> Done {
    let statement = "UPDATE bindings SET last_used_at = $1 WHERE id = $2";
    run(connection, statement, params![touched.last_used_at, touched.id])
}

/// Loads bindings that expire after `limit`, oldest first.
pub(in crate::store) fn load_bindings(
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
pub(in crate::store) fn forget_bindings(connection: &Connection, limit: UnixTime) -> Done {
    run(connection, "DELETE FROM bindings WHERE expires_at <= $1", [limit])
}

pub(in crate::store) fn last_binding(connection: &Connection) -> Result<i64, StoreError> {
    let last: Option<i64> = connection.query_row("SELECT MAX(id) FROM bindings", [], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

pub(in crate::store) fn proof(connection: &Connection, id: i64) -> Result<Option<BindingProof>, StoreError> {
    let proof = |row: &Row<'_>| Ok(BindingProof { message: row.get(0)?, signature: row.get(1)? });
    let query = "SELECT message, signature FROM bindings WHERE id = $1";
    Ok(connection.query_row(query, [id], proof).optional()?)
}

/// Key of the binding, and the hash of the bearer's secret.
pub(in crate::store) fn token(
    connection: &Connection,
    id: i64,
) -> Result<Option<(BindingKey, Vec<u8>)>, StoreError> {
    let mut found = None;
    let query = "SELECT account, wallet, token_hash FROM bindings WHERE id = $1";
    each(connection, query, [id], |row| {
        found = Some((BindingKey { account: account(row, 0)?, wallet: wallet(row, 1)? }, row.get(2)?));
        Ok(())
    })?;
    Ok(found)
}

pub(in crate::store) fn load_nonces(connection: &Connection, mut found: impl FnMut(Nonce)) -> Done {
    each(connection, "SELECT issued_at, nonce FROM used_nonces", [], |row| {
        let random = row.get_ref(1)?.as_blob().ok().and_then(|random| random.try_into().ok());
        let random = random.ok_or_else(|| corrupt("a nonce of the wrong length"))?;
        found(Nonce { issued_at: row.get(0)?, random });
        Ok(())
    })
}

pub(in crate::store) fn forget_nonces(connection: &Connection, horizon: UnixTime) -> Done {
    run(connection, "DELETE FROM used_nonces WHERE issued_at <= $1", [horizon])
}
