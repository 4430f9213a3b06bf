//! Exclusive use of a home directory by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::atomic_file::PRIVATE_FILE_MODE;

/// Mode of a home directory: only its owner reads and enters it.
pub const PRIVATE_DIRECTORY_MODE: u32 = 0o700;
/// Permissions by which other users could replace the files of a directory.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Errors of locking a home directory.
#[derive(Debug, thiserror::Error)]
pub enum HomeLockError {
    /// Another instance holds the lock.
    #[error("{}: another instance runs on this home", home.display())]
    InUse {
        /// The home directory.
        home: PathBuf,
    },
    /// Other users of this machine can write to the directory.
    #[error("{}: the home directory can be written by others (chmod go-w it)", home.display())]
    Exposed {
        /// The home directory.
        home: PathBuf,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Lock of a home directory. The kernel releases it when the process ends, even if it is killed.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl HomeLock {
    /// Creates `home` if it is missing, checks that no other user can write to it, and locks its file `name`.
    pub fn acquire(home: &Path, name: &str) -> Result<Self, HomeLockError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| HomeLockError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(PRIVATE_DIRECTORY_MODE).create(home).map_err(io(home))?;
        let mode = std::fs::metadata(home).map_err(io(home))?.mode();
        if mode & WRITABLE_BY_OTHERS != 0 {
            return Err(HomeLockError::Exposed { home: home.to_owned() });
        }
        let path = home.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_FILE_MODE)
            .open(&path)
            .map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(HomeLockError::InUse { home: home.to_owned() }),
            Err(TryLockError::Error(source)) => Err(HomeLockError::Io { path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn rejects_second_instance_until_the_first_releases_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("a/b");
        let lock = HomeLock::acquire(&home, "x.lock").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&home), mode(&home.join("x.lock"))), (0o700, 0o600));
        assert!(matches!(HomeLock::acquire(&home, "x.lock"), Err(HomeLockError::InUse { .. })));
        drop(lock);
        HomeLock::acquire(&home, "x.lock").unwrap();
    }

    #[test]
    fn rejects_home_that_others_can_write() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(HomeLock::acquire(home.path(), "x.lock"), Err(HomeLockError::Exposed { .. })));
    }
}
