//! Errors of the store.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use sentinel_proto::address::AccountAddress;
use service_runtime::home_lock::HomeLockError;

/// SQLite codes for a row that exists already.
const UNIQUE: [i32; 2] = [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE];

/// A write or a read that did not happen. After any of these nothing of it is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The nonce was redeemed before.
    #[error("the nonce was used before")]
    NonceUsed,
    /// The nonce is so old that it is no longer known whether it was used.
    #[error("the nonce is too old")]
    NonceForgotten,
    /// The wallet holds as many live bindings as one may.
    #[error("the wallet has bound {} accounts already", bound.len())]
    TooManyAccounts {
        /// The accounts that it is bound to.
        bound: Vec<AccountAddress>,
    },
    /// Live sessions rest on every binding that a new one could replace.
    #[error("live sessions rest on all bindings of the account or the card")]
    NoRoomForBinding {
        /// The account of the new binding.
        account: AccountAddress,
    },
    /// More writes wait than may.
    #[error("too many writes are waiting")]
    Overloaded,
    /// Another program holds the database's lock.
    #[error("the database is locked by another program")]
    Locked,
    /// The disk or the quota is full.
    #[error("the disk is full")]
    Full,
    /// The disk fails, or may not be written to.
    #[error("the disk does not take it: {0}")]
    Disk(String),
    /// The row is there already.
    #[error("the database has this entry already")]
    Duplicate,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Anything else that the database says.
    #[error("database: {0}")]
    Database(String),
}

impl StoreError {
    /// Whether the failure concerns the whole database, so that other writes of a batch fail too.
    pub(super) fn affects_all_writes(&self) -> bool {
        matches!(self, Self::Locked | Self::Full | Self::Disk(_) | Self::Closed)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error();
        if code.is_some_and(|code| UNIQUE.contains(&code.extended_code)) {
            return Self::Duplicate;
        }
        match code.map(|code| code.code) {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                Self::Disk(error.to_string())
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

/// Why a home cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another instance runs on this home.
    #[error("{}: another instance runs on this home", home.display())]
    InUse {
        /// The home directory.
        home: PathBuf,
    },
    /// Other users of this machine can write to the home directory.
    #[error("{}: the home directory can be written by others (chmod go-w it)", home.display())]
    Exposed {
        /// The home directory.
        home: PathBuf,
    },
    /// The file is there and is not our database.
    #[error("{}: not a database of this program ({why})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file is ours and incomplete or damaged.
    #[error("{}: the database is damaged ({why}); restore a backup or move it away", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version of this program wrote the file.
    #[error("{}: schema {found} is newer than this program's {known}; install the newer version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: StoreError,
    },
}

impl From<HomeLockError> for OpenError {
    fn from(error: HomeLockError) -> Self {
        match error {
            HomeLockError::InUse { home } => Self::InUse { home },
            HomeLockError::Exposed { home } => Self::Exposed { home },
            HomeLockError::Io { path, source } => Self::Io { path, source },
        }
    }
}
