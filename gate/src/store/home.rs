//! The home directory: one instance at a time, readable by its owner only.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use service_runtime::atomic_file::{self, PRIVATE_FILE_MODE};
use service_runtime::home_lock::HomeLock;

use super::error::OpenError;

/// Marks our files among all databases of that format (`SGat`).
pub(super) const APPLICATION_ID: u32 = 0x5347_6174;
const HEADER_BYTES: usize = 100;

/// A home directory that this process alone uses.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    _lock: HomeLock,
}

impl Home {
    /// Creates the directory if it is not there, and takes its lock.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let lock = HomeLock::acquire(dir, "gate.lock")?;
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// Where the database lives.
    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("gate.db")
    }

    /// A fresh private file in which a new database is prepared. Remains of a start that was cut off go.
    pub(super) fn draft(&self) -> Result<PathBuf, OpenError> {
        let path = self.dir.join("gate.db.new");
        for leftover in [path.clone(), self.dir.join("gate.db.new-journal")] {
            match std::fs::remove_file(&leftover) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(OpenError::Io { path: leftover, source });
                }
                _ => {}
            }
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE_FILE_MODE)
            .open(&path)
            .map_err(|source| OpenError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    /// Publishes the draft atomically: a crash leaves all of it or nothing.
    pub(super) fn publish(&self, draft: &Path) -> Result<(), OpenError> {
        let target = self.database();
        atomic_file::publish(draft, &target).map_err(|source| OpenError::Io { path: target, source })
    }
}

/// Reads the schema version from the file's header, so that a foreign file is not opened as a database. `None`: there
/// is no file.
pub(super) fn read_schema_version(path: &Path) -> Result<Option<u32>, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let foreign = |why| Err(OpenError::Foreign { path: path.to_owned(), why });
    let torn = |why: &str| Err(OpenError::Torn { path: path.to_owned(), why: why.to_owned() });

    let log = wal_length(path);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && log.is_none() => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return torn("its log is there without it"),
        Err(error) => return Err(io(error)),
    };
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return foreign("not a regular file");
    }
    let mut header = [0; HEADER_BYTES];
    if let Err(error) = file.read_exact(&mut header) {
        return if error.kind() == ErrorKind::UnexpectedEof { torn("cut short") } else { Err(io(error)) };
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return foreign("not a database file");
    }
    if header_u32(&header, 68) != APPLICATION_ID {
        return foreign("the mark of another program");
    }
    // With a log beside it the file may lawfully lag behind; the database sorts that out by itself.
    let pages = u64::from(header_u32(&header, 28));
    if log.unwrap_or(0) == 0 && metadata.len() < pages * page_size(&header) {
        return torn("cut short");
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(PRIVATE_FILE_MODE)).map_err(io)?;
    }
    Ok(Some(header_u32(&header, 60)))
}

fn wal_length(path: &Path) -> Option<u64> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).ok().map(|metadata| metadata.len())
}

fn header_u32(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    header[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// Two bytes at 16; the largest size, 65536, does not fit and is written as 1.
fn page_size(header: &[u8; HEADER_BYTES]) -> u64 {
    match u64::from(header[16]) << 8 | u64::from(header[17]) {
        1 => 65_536,
        size => size,
    }
}
