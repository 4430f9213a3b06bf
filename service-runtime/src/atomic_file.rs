//! Files that are replaced as a whole: a reader, and a start after a crash, find the old contents or the new ones.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Mode of a file that only its owner may read and write.
pub const PRIVATE_FILE_MODE: u32 = 0o600;

/// New contents of a file. They are written to a draft beside it, `NAME.new`, and replace the file at
/// [`commit`](Self::commit). Dropping the value without a commit removes the draft.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    draft: PathBuf,
    file: File,
}

impl AtomicFile {
    /// Creates the draft with `mode`, which the umask restricts. A draft that a crash left behind is removed first, so
    /// that neither its mode nor its owner, nor a symbolic link in its place, survives.
    pub fn create(target: &Path, mode: u32) -> io::Result<Self> {
        let draft = draft_of(target)?;
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        Ok(Self { target: target.to_owned(), draft, file })
    }

    /// The open draft, for its metadata.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes the draft durable and puts it in the place of the target.
    pub fn commit(self) -> io::Result<()> {
        publish(&self.draft, &self.target)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit there is no draft. A draft that cannot be removed now is removed by the next `create`.
        let _ = fs::remove_file(&self.draft);
    }
}

/// Replaces the contents of `path`; `mode` is restricted by the umask. On an error, such as a full disk, the old file
/// is still there.
pub fn write(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let mut file = AtomicFile::create(path, mode)?;
    file.write_all(contents)?;
    file.commit()
}

/// Moves `draft` over `target` in the same directory: syncs the file, renames it, syncs the directory. Without the last
/// step a power failure can bring the old file back after success was reported.
pub fn publish(draft: &Path, target: &Path) -> io::Result<()> {
    File::open(draft)?.sync_all()?;
    fs::rename(draft, target)?;
    File::open(directory_of(target))?.sync_all()
}

fn draft_of(target: &Path) -> io::Result<PathBuf> {
    let mut name: OsString = target.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    Ok(target.with_file_name(name))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn replaces_contents_and_mode_and_leaves_no_draft() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write(&path, b"one", 0o644).unwrap();
        write(&path, b"two", PRIVATE_FILE_MODE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), PRIVATE_FILE_MODE);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn dropped_draft_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        write(&path, b"old", PRIVATE_FILE_MODE).unwrap();
        let mut draft = AtomicFile::create(&path, PRIVATE_FILE_MODE).unwrap();
        draft.write_all(b"ha").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old", "before the commit");
        drop(draft);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn replaces_leftover_draft_without_following_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("key"), directory.path().join("other"));
        fs::write(&other, "untouched").unwrap();
        symlink(&other, directory.path().join("key.new")).unwrap();
        write(&path, b"secret", PRIVATE_FILE_MODE).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"untouched");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        assert!(!directory.path().join("key.new").exists());
    }

    #[test]
    fn reports_missing_directory() {
        let directory = tempfile::tempdir().unwrap();
        let error = write(&directory.path().join("absent/key"), b"x", PRIVATE_FILE_MODE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
