//! What was signed, on disk before it is sent. One instance has it at a time. A write returns when it is on the
//! disk; it waits for that in the task of the rounds, which has nothing else to do.

mod error;
mod schema;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use sentinel_proto::hub::Executed;
use sentinel_proto::tx::{Hash, SignedTransaction};

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
    connection: Mutex<Connection>,
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

impl End {
    /// Whether it did what it was to do.
    pub(super) const fn had_effect(&self) -> bool {
        matches!(self, Self::Executed(Executed { outcome: Ok(()), .. }))
    }
}

impl Journal {
    /// Opens the journal of a home directory; both are created if they are not there.
    pub fn open(home: &Path) -> Result<Self, JournalError> {
        let lock = lock(home)?;
        let path = home.join(FILE);
        let connection = Mutex::new(schema::open(&path)?);
        let journal = Self { path, connection, _lock: lock };
        journal.with(|connection| {
            connection.execute("DELETE FROM transactions WHERE settled_at < ?1", [now() - KEPT])
        })?;
        Ok(journal)
    }

    /// Writes a transaction that is about to be sent.
    pub fn begin(&self, entry: &Entry<'_>) -> Result<(), JournalError> {
        let actions =
            serde_json::to_string(entry.actions).map_err(|_| self.corrupt("actions that are no JSON"))?;
        // The same bytes again are the same transaction.
        self.with(|connection| {
            connection.execute(
                "INSERT INTO transactions \
                 (hash, round, sequence, timeout_height, bytes, actions, fee, signed_at, state) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open') \
                 ON CONFLICT (hash) DO UPDATE SET state = 'open', bytes = excluded.bytes",
                params![
                    entry.transaction.hash().0,
                    signed(entry.round),
                    signed(entry.sequence),
                    signed(entry.timeout_height),
                    entry.transaction.bytes(),
                    actions,
                    entry.fee,
                    now(),
                ],
            )
        })?;
        Ok(())
    }

    /// What has no end yet, oldest first.
    pub fn open_transactions(&self) -> Result<Vec<Open>, JournalError> {
        let rows = self.with(|connection| {
            let mut question = connection.prepare(
                "SELECT round, sequence, timeout_height, bytes, actions FROM transactions \
                 WHERE state = 'open' ORDER BY id",
            )?;
            let rows = question.query_map((), |row| row.try_into())?;
            rows.collect::<rusqlite::Result<Vec<(i64, i64, i64, Vec<u8>, String)>>>()
        })?;
        let read = |(round, sequence, timeout_height, bytes, actions): (_, _, _, _, String)| {
            Ok(Open {
                round: unsigned(round),
                sequence: unsigned(sequence),
                timeout_height: unsigned(timeout_height),
                transaction: SignedTransaction::from_bytes(bytes),
                actions: serde_json::from_str(&actions)
                    .map_err(|_| self.corrupt("actions of an unknown form"))?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Writes how these transactions ended, all or none.
    pub fn settle(&self, ends: &[(Hash, End)]) -> Result<(), JournalError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for (hash, end) in ends {
                let (state, executed, log) = match end {
                    End::Executed(executed) => {
                        let log = executed.outcome.as_ref().err().map(ToString::to_string);
                        (if log.is_none() { "done" } else { "failed" }, Some(executed), log)
                    }
                    End::Void(why) => ("void", None, Some(why.clone())),
                };
                transaction.execute(
                    "UPDATE transactions SET state = ?1, settled_at = ?2, height = ?3, gas_used = ?4, \
                     gas_wanted = ?5, log = ?6, bytes = x'' WHERE hash = ?7",
                    params![
                        state,
                        now(),
                        executed.map(|executed| signed(executed.height)),
                        executed.map(|executed| signed(executed.gas_used)),
                        executed.map(|executed| signed(executed.gas_wanted)),
                        log,
                        hash.0,
                    ],
                )?;
            }
            transaction.commit()
        })
    }

    /// How many transactions are in each state, by its name.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, JournalError> {
        self.with(|connection| {
            let mut question = connection
                .prepare("SELECT state, COUNT(*) FROM transactions GROUP BY state ORDER BY state")?;
            let rows = question.query_map((), |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
            rows.collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|source| JournalError::Database { path: self.path.clone(), source })
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
