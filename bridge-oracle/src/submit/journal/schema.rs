//! Opens the database: creation, migration, connection settings.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};
use service_runtime::atomic_file::PRIVATE_FILE_MODE;
use service_runtime::schema::Schema;

use super::JournalError;

/// The application id is `BOra`.
const SCHEMA: Schema =
    Schema { application_id: 0x424f_7261, steps: &[include_str!("migrations/0001_start.sql")] };
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the database for writing; creates or migrates it where needed.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE_MODE).open(path);
    if let Err(source) = created
        && source.kind() != ErrorKind::AlreadyExists
    {
        return Err(JournalError::Io { path: path.to_owned(), source });
    }
    let foreign = |why: String| JournalError::Foreign { path: path.to_owned(), why };
    let database = |source| JournalError::Database { path: path.to_owned(), source };
    let (mut connection, ours) = connect(path).map_err(|error| foreign(error.to_string()))?;
    if !ours {
        return Err(foreign("the mark of another program".to_owned()));
    }
    let verdict: String = query_one(&connection, "PRAGMA quick_check(1)").map_err(database)?;
    if verdict != "ok" {
        return Err(foreign(format!("damaged: {verdict}")));
    }
    if SCHEMA.bring_up(&mut connection).map_err(database)? > SCHEMA.newest() {
        return Err(JournalError::Newer { path: path.to_owned() });
    }
    Ok(connection)
}

/// Opens a connection and returns whether the file is a journal of this program, or empty. A foreign file is not
/// changed.
fn connect(path: &Path) -> rusqlite::Result<(Connection, bool)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mark: i64 = query_one(&connection, "PRAGMA application_id")?;
    let tables: i64 = query_one(&connection, "SELECT COUNT(*) FROM sqlite_schema")?;
    let ours = mark == i64::from(SCHEMA.application_id) || (mark == 0 && tables == 0);
    if ours {
        // Durability: a commit waits until the log is on the disk.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    }
    Ok((connection, ours))
}

fn query_one<T: FromSql>(connection: &Connection, statement: &str) -> rusqlite::Result<T> {
    connection.query_row(statement, (), |row| row.get(0))
}
