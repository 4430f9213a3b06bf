//! Errors of the journal.

use std::path::PathBuf;

use service_runtime::home_lock::HomeLockError;

/// Why the journal cannot be opened, read or written. A write that failed has no effect.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another instance uses this home.
    #[error("{}: another instance runs on this home", home.display())]
    InUse {
        /// The home directory.
        home: PathBuf,
    },
    /// Other users of this machine could replace the files.
    #[error("{}: the home directory can be written by others (chmod go-w it)", home.display())]
    Exposed {
        /// The home directory.
        home: PathBuf,
    },
    /// The file is not a journal.
    #[error("{}: not a journal of this program ({why})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Cause.
        why: String,
    },
    /// A newer version of this program wrote the file.
    #[error("{}: written by a newer version of this program; install that", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A database operation failed.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// A row has an unknown form.
    #[error("{}: {what} in the journal", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Cause.
        what: &'static str,
    },
}

impl From<HomeLockError> for JournalError {
    fn from(error: HomeLockError) -> Self {
        match error {
            HomeLockError::InUse { home } => Self::InUse { home },
            HomeLockError::Exposed { home } => Self::Exposed { home },
            HomeLockError::Io { path, source } => Self::Io { path, source },
        }
    }
}
