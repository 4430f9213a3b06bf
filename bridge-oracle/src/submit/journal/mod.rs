//! What was signed, on disk before it is sent. One instance has it at a time; a commit waits for the disk.

mod error;
mod schema;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sentinel_proto::hub::Executed;
use sentinel_proto::tx::{Hash, SignedTransaction};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Mutex;

pub use error::JournalError;

use crate::reconcile::Action;

/// Name of the database in the home directory.
pub const FILE: &str = "journal.db";
const LOCK: &str = "journal.lock";
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;
/// Settled transactions are kept for a quarter of a year.
const KEPT: i64 = 92 * 24 * 3600;

/// The journal of a home directory that this process alone uses.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Mutex<SqliteConnection>,
    /// The kernel releases it even if the process is killed.
    _lock: File,
}

/// A transaction before it is sent.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The round that it is of.
    pub round: u64,
    /// The account's sequence that it uses up.
    pub sequence: u64,
    /// In no block after this one.
    pub timeout_height: u64,
    /// The fee, as `12udvpn`.
    pub fee: String,
    /// What it does.
    pub actions: &'a [Action],
    /// As it will be sent.
    pub transaction: &'a SignedTransaction,
}

/// A transaction whose end is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The round that it is of.
    pub round: u64,
    /// The account's sequence that it uses up.
    pub sequence: u64,
    /// In no block after this one.
    pub timeout_height: u64,
    /// What it does.
    pub actions: Vec<Action>,
    /// As it was, or would have been, sent.
    pub transaction: SignedTransaction,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// In a block, with its effect or without.
    Executed(Executed),
    /// In no block, and never will be; why.
    Void(String),
}

impl Journal {
    /// Opens the journal of a home directory; both are created if they are not there.
    pub async fn open(home: &Path) -> Result<Self, JournalError> {
        let lock = lock(home)?;
        let path = home.join(FILE);
        let connection = schema::open(&path).await?;
        let journal = Self { path, connection: Mutex::new(connection), _lock: lock };
        journal.purge().await?;
        Ok(journal)
    }

    /// Writes a transaction that is about to be sent.
    pub async fn begin(&self, entry: &Entry<'_>) -> Result<(), JournalError> {
        let actions =
            serde_json::to_string(entry.actions).map_err(|_| self.corrupt("actions that are no JSON"))?;
        let mut connection = self.connection.lock().await;
        // The same bytes again are the same transaction.
        sqlx::query(
            "INSERT INTO transactions (hash, round, sequence, timeout_height, bytes, actions, fee, signed_at, state) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open') \
             ON CONFLICT (hash) DO UPDATE SET state = 'open', bytes = excluded.bytes",
        )
        .bind(entry.transaction.hash().0.to_vec())
        .bind(signed(entry.round))
        .bind(signed(entry.sequence))
        .bind(signed(entry.timeout_height))
        .bind(entry.transaction.bytes().to_vec())
        .bind(actions)
        .bind(entry.fee.clone())
        .bind(now())
        .execute(&mut *connection)
        .await
        .map_err(|source| self.database(source))?;
        Ok(())
    }

    /// What has no end yet, oldest first.
    pub async fn open_transactions(&self) -> Result<Vec<Open>, JournalError> {
        let mut connection = self.connection.lock().await;
        let rows = sqlx::query(
            "SELECT round, sequence, timeout_height, bytes, actions FROM transactions WHERE state = 'open' ORDER BY id",
        )
        .fetch_all(&mut *connection)
        .await
        .map_err(|source| self.database(source))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// Writes how these transactions ended, all or none.
    pub async fn settle(&self, ends: &[(Hash, End)]) -> Result<(), JournalError> {
        let mut connection = self.connection.lock().await;
        let database = |source| self.database(source);
        let mut transaction = connection.begin().await.map_err(database)?;
        for (hash, end) in ends {
            let (state, executed, log) = match end {
                End::Executed(executed) => {
                    let log = executed.outcome.as_ref().err().map(ToString::to_string);
                    (if log.is_none() { "done" } else { "failed" }, Some(executed), log)
                }
                End::Void(why) => ("void", None, Some(why.clone())),
            };
            sqlx::query(
                "UPDATE transactions SET state = $1, settled_at = $2, height = $3, gas_used = $4, gas_wanted = $5, \
                 log = $6, bytes = x'' WHERE hash = $7",
            )
            .bind(state)
            .bind(now())
            .bind(executed.map(|executed| signed(executed.height)))
            .bind(executed.map(|executed| signed(executed.gas_used)))
            .bind(executed.map(|executed| signed(executed.gas_wanted)))
            .bind(log)
            .bind(hash.0.to_vec())
            .execute(&mut *transaction)
            .await
            .map_err(database)?;
        }
        transaction.commit().await.map_err(database)
    }

    /// How many transactions are in each state, by its name.
    pub async fn counts(&self) -> Result<Vec<(String, u64)>, JournalError> {
        let mut connection = self.connection.lock().await;
        let rows = sqlx::query("SELECT state, COUNT(*) FROM transactions GROUP BY state ORDER BY state")
            .fetch_all(&mut *connection)
            .await
            .map_err(|source| self.database(source))?;
        let read = |row: &SqliteRow| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)));
        rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(|source| self.database(source))
    }

    async fn purge(&self) -> Result<(), JournalError> {
        let mut connection = self.connection.lock().await;
        sqlx::query("DELETE FROM transactions WHERE settled_at < $1")
            .bind(now() - KEPT)
            .execute(&mut *connection)
            .await
            .map_err(|source| self.database(source))?;
        Ok(())
    }

    fn read(&self, row: &SqliteRow) -> Result<Open, JournalError> {
        let database = |source| self.database(source);
        let actions: String = row.try_get(4).map_err(database)?;
        Ok(Open {
            round: unsigned(row.try_get(0).map_err(database)?),
            sequence: unsigned(row.try_get(1).map_err(database)?),
            timeout_height: unsigned(row.try_get(2).map_err(database)?),
            transaction: SignedTransaction::from_bytes(row.try_get(3).map_err(database)?),
            actions: serde_json::from_str(&actions)
                .map_err(|_| self.corrupt("actions of an unknown form"))?,
        })
    }

    fn database(&self, source: sqlx::Error) -> JournalError {
        JournalError::Database { path: self.path.clone(), source }
    }

    fn corrupt(&self, what: &'static str) -> JournalError {
        JournalError::Corrupt { path: self.path.clone(), what }
    }
}

/// Creates the home if it is not there, and takes its lock.
fn lock(home: &Path) -> Result<File, JournalError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::Io { path, source }
    };
    DirBuilder::new().recursive(true).mode(PRIVATE_DIR).create(home).map_err(io(home))?;
    let mode = std::fs::metadata(home).map_err(io(home))?.mode();
    if mode & 0o022 != 0 {
        return Err(JournalError::Exposed { home: home.to_owned() });
    }
    let path = home.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(&path)
        .map_err(io(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { home: home.to_owned() }),
        Err(TryLockError::Error(source)) => Err(JournalError::Io { path, source }),
    }
}

fn now() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    signed(seconds)
}

/// Numbers of the hub are unsigned; no real one is beyond this.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests;
