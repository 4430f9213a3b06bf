//! The program's home: a directory of its own, with files that nobody else reads.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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
    // A new file beside it, then a rename.
    let fresh = home.join(format!("{name}.new"));
    let _ = fs::remove_file(&fresh);
    write_new(&fresh, text).and_then(|()| fs::rename(&fresh, &path)).map_err(|source| {
        let _ = fs::remove_file(&fresh);
        HomeError::Unwritable { path: path.clone(), source }
    })?;
    Ok(path)
}

/// Writes a file that must not be there yet, for the owner's eyes only, and makes it durable.
pub fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
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
