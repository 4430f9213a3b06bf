//! The program's home: a directory whose files only its owner can read.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::atomic_file::{self, PRIVATE_FILE_MODE};

/// Errors of creating the home or one of its files.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The file exists and `force` is not set.
    #[error("{0} is there already: edit it, or replace it with --force")]
    Present(PathBuf),
    /// A file operation failed.
    #[error("cannot write {path}")]
    Unwritable {
        /// The directory or file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Creates the home if it is missing.
pub fn make(home: &Path) -> Result<(), HomeError> {
    if home.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.map_err(|source| HomeError::Unwritable { path: home.to_owned(), source })
}

/// Writes `text` to the file `name` atomically; replaces an existing one only with `force`.
pub fn write(home: &Path, name: &str, text: &str, force: bool) -> Result<PathBuf, HomeError> {
    let path = home.join(name);
    if !force && path.exists() {
        return Err(HomeError::Present(path));
    }
    atomic_file::write(&path, text.as_bytes(), PRIVATE_FILE_MODE)
        .map_err(|source| HomeError::Unwritable { path: path.clone(), source })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn replaces_file_only_by_force_with_private_mode() {
        let around = tempfile::tempdir().unwrap();
        let home = around.path().join("a/b");
        make(&home).unwrap();
        make(&home).unwrap();
        let path = write(&home, "x.toml", "one", false).unwrap();
        assert!(matches!(write(&home, "x.toml", "two", false), Err(HomeError::Present(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&home, "x.toml", "two", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
    }
}
