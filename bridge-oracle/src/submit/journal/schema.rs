//! Opening the database: creation, migration, the settings of a connection.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{JournalError, PRIVATE_FILE};

/// Marks our files among all databases of that format (`BOra`).
const APPLICATION_ID: i64 = 0x424f_7261;
/// The steps to the schema of this program; the file's version is the number of those taken.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_start.sql")];
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the database for writing, after creating or migrating it where needed.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path);
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
    let verdict: String = one(&connection, "PRAGMA quick_check(1)").map_err(database)?;
    if verdict != "ok" {
        return Err(foreign(format!("damaged: {verdict}")));
    }
    if !migrate(&mut connection).map_err(database)? {
        return Err(JournalError::Newer { path: path.to_owned() });
    }
    Ok(connection)
}

/// A connection, and whether the file is ours, or empty. Another program's is not changed.
fn connect(path: &Path) -> rusqlite::Result<(Connection, bool)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mark: i64 = one(&connection, "PRAGMA application_id")?;
    let tables: i64 = one(&connection, "SELECT COUNT(*) FROM sqlite_schema")?;
    let ours = mark == APPLICATION_ID || (mark == 0 && tables == 0);
    if ours {
        // Durable means: the commit waits until the log is on the disk.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    }
    Ok((connection, ours))
}

/// Takes the steps that the file lacks, all or none; whether this program knows the file's version.
fn migrate(connection: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut version: u32 = one(&transaction, "PRAGMA user_version")?;
    // Former programs counted in a table. It is there without a row where one was tried after this program.
    if transaction.table_exists(None, "_sqlx_migrations")? {
        let counted = one(&transaction, "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")?;
        version = version.max(counted);
    }
    let Some(missing) = MIGRATIONS.get(version as usize..) else { return Ok(false) };
    transaction.execute_batch(&missing.concat())?;
    transaction.execute_batch(&format!(
        "DROP TABLE IF EXISTS _sqlx_migrations; \
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}",
        MIGRATIONS.len()
    ))?;
    transaction.commit()?;
    Ok(true)
}

fn one<T: FromSql>(connection: &Connection, question: &str) -> rusqlite::Result<T> {
    connection.query_row(question, (), |row| row.get(0))
}
