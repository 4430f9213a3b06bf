//! Reads the oracle's key from a file that only its owner can read.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sentinel_proto::tx::{KeyError, SigningKey};

/// Maximum size of a key file: a key has 64 digits.
const MAX_KEY_FILE_BYTES: u64 = 128;

/// Errors of the key file. No message repeats its contents.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Missing or unreadable.
    #[error("cannot read the key {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Other users of this machine can read it.
    #[error("{}: others can read the key (chmod 600 it; if they may have, make a new one)", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no valid key.
    #[error("{}: {source}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: KeyError,
    },
}

/// Reads the key.
pub fn read_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.mode() & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned() });
    }
    let mut text = String::new();
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text).map_err(io)?;
    text.trim().parse().map_err(|source| KeyFileError::NoKey { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn rejects_key_readable_by_others() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        std::fs::write(&path, format!("{}\n", "01".repeat(32))).unwrap();
        for (mode, good) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_key(&path).is_ok(), good, "{mode:o}");
        }
        let empty = home.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_key(&empty), Err(KeyFileError::NoKey { .. })));
        assert!(matches!(read_key(&home.path().join("none")), Err(KeyFileError::Io { .. })));
    }
}
