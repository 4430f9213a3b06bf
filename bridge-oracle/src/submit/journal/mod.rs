//! Journal of signed transactions, written before they are sent. One instance uses it at a time. A write returns when
//! it is durable; it blocks the task of the rounds, which has nothing else to do.

mod error;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use sentinel_proto::hub::ExecutedTx;
use sentinel_proto::tx::{SignedTransaction, TxHash};
use service_runtime::home_lock::HomeLock;

pub use error::JournalError;

use crate::reconcile::Action;

/// Name of the database in the home directory.
pub const JOURNAL_FILE: &str = "journal.db";
const LOCK_FILE: &str = "journal.lock";
/// Retention of settled transactions: a quarter of a year.
const SETTLED_RETENTION_SECS: i64 = 92 * 24 * 3600;

/// The journal of a home directory, locked by this process.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// The kernel releases the lock even if the process is killed.
    _lock: HomeLock,
}

/// A transaction before it is sent.
#[derive(Debug, Clone)]
pub struct JournalEntry<'a> {
    /// Round of the transaction.
    pub round: u64,
    /// Account sequence of the transaction.
    pub sequence: u64,
    /// Last block that may hold the transaction.
    pub timeout_height: u64,
    /// The fee, as `12udvpn`.
    pub fee: String,
    /// Actions of the transaction.
    pub actions: &'a [Action],
    /// The signed transaction.
    pub transaction: &'a SignedTransaction,
}

/// A transaction without a known end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Round of the transaction.
    pub round: u64,
    /// Account sequence of the transaction.
    pub sequence: u64,
    /// Last block that may hold the transaction.
    pub timeout_height: u64,
    /// Actions of the transaction.
    pub actions: Vec<Action>,
    /// The signed transaction.
    pub transaction: SignedTransaction,
}

/// End of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionEnd {
    /// In a block, successful or failed.
    Executed(ExecutedTx),
    /// In no block, now or later; the reason.
    Void(String),
}

impl TransactionEnd {
    /// Returns whether the transaction succeeded.
    pub(super) const fn had_effect(&self) -> bool {
        matches!(self, Self::Executed(ExecutedTx { outcome: Ok(()), .. }))
    }
}

impl Journal {
    /// Opens the journal of a home directory; creates both if they are missing.
    pub fn open(home: &Path) -> Result<Self, JournalError> {
        let lock = HomeLock::acquire(home, LOCK_FILE)?;
        let path = home.join(JOURNAL_FILE);
        let connection = Mutex::new(schema::open(&path)?);
        let journal = Self { path, connection, _lock: lock };
        journal.with(|connection| {
            connection
                .execute("DELETE FROM transactions WHERE settled_at < ?1", [now() - SETTLED_RETENTION_SECS])
        })?;
        Ok(journal)
    }

    /// Writes a transaction before it is sent.
    pub fn begin(&self, entry: &JournalEntry<'_>) -> Result<(), JournalError> {
        let actions =
            serde_json::to_string(entry.actions).map_err(|_| self.corrupt("actions that are no JSON"))?;
        // The same bytes are the same transaction.
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

    /// Returns the transactions without an end, oldest first.
    pub fn open_transactions(&self) -> Result<Vec<OpenTransaction>, JournalError> {
        let rows = self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT round, sequence, timeout_height, bytes, actions FROM transactions \
                 WHERE state = 'open' ORDER BY id",
            )?;
            let rows = statement.query_map((), |row| row.try_into())?;
            rows.collect::<rusqlite::Result<Vec<(i64, i64, i64, Vec<u8>, String)>>>()
        })?;
        let read = |(round, sequence, timeout_height, bytes, actions): (_, _, _, _, String)| {
            Ok(OpenTransaction {
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

    /// Writes the ends of these transactions, all or none.
    pub fn settle(&self, ends: &[(TxHash, TransactionEnd)]) -> Result<(), JournalError> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for (hash, end) in ends {
                let (state, executed, log) = match end {
                    TransactionEnd::Executed(executed) => {
                        let log = executed.outcome.as_ref().err().map(ToString::to_string);
                        (if log.is_none() { "done" } else { "failed" }, Some(executed), log)
                    }
                    TransactionEnd::Void(why) => ("void", None, Some(why.clone())),
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

    /// Returns the number of transactions by state.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, JournalError> {
        self.with(|connection| {
            let mut statement = connection
                .prepare("SELECT state, COUNT(*) FROM transactions GROUP BY state ORDER BY state")?;
            let rows = statement.query_map((), |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?;
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

fn now() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    signed(seconds)
}

/// Numbers of the hub are unsigned; no real one exceeds this range.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests;
