//! The program's home: a directory of its own, with files that nobody else reads.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::atomic_file::{self, PRIVATE_FILE_MODE};

/// Why a file of the home was not written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It is there, and nobody said to replace it.
    #[error("{0} is there already: edit it, or replace it with --force")]
    Present(PathBuf),
    /// The system refused.
    #[error("cannot write {path}")]
    Unwritable {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Makes the home where there is none.
pub fn make(home: &Path) -> Result<(), HomeError> {
    if home.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(home);
    made.map_err(|source| HomeError::Unwritable { path: home.to_owned(), source })
}

/// Writes `text` to the file `name`; over one that is there only with `force`. A full disk leaves the old one whole.
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
    fn a_file_is_replaced_only_by_force_and_is_the_owners_alone() {
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
