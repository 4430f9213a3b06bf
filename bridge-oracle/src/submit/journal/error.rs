//! What can go wrong with the journal.

use std::path::PathBuf;

/// Why the journal cannot be opened, read or written. What could not be written did not happen.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another instance runs on this home.
    #[error("{}: another instance runs on this home", home.display())]
    InUse {
        /// The home directory.
        home: PathBuf,
    },
    /// Anybody on this machine could replace the files.
    #[error("{}: the home directory can be written by others (chmod go-w it)", home.display())]
    Exposed {
        /// The home directory.
        home: PathBuf,
    },
    /// The file is there and is not a journal.
    #[error("{}: not a journal of this program ({why})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version of this program wrote the file.
    #[error("{}: written by a newer version of this program; install that", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
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
        source: rusqlite::Error,
    },
    /// A row that this program did not write.
    #[error("{}: {what} in the journal", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}
