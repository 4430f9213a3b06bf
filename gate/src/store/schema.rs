//! Opening the database: creation, migration, the settings of a connection.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use service_runtime::schema::Schema;

use super::error::{OpenError, StoreError};
use super::home::{APPLICATION_ID, Home, read_schema_version};
use super::sql;

const SCHEMA: Schema = Schema {
    application_id: APPLICATION_ID,
    steps: &[
        include_str!("migrations/0001_start.sql"),
        include_str!("migrations/0002_enforcement.sql"),
        include_str!("migrations/0003_intents.sql"),
        include_str!("migrations/0004_plan.sql"),
        include_str!("migrations/0005_version.sql"),
        include_str!("migrations/0006_basis.sql"),
    ],
};
/// Time limit for a lock of another program. A caller has about three seconds in all.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Above this size the start does not wait for a check of every page.
const MAX_CHECKED_BYTES: u64 = 16 << 20;

/// A connection to a database that is there. Durable means: the commit waits until the log is on the disk.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    // The connection is not shared, so it needs no mutex.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    sql::synchronous(&connection, true)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Opens the write connection. The writer checkpoints the log while no caller waits.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    // The log shrinks after a burst; deleted data is overwritten, so that erased data is gone.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216; \
         PRAGMA secure_delete = ON",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE_CAPACITY);
    Ok(connection)
}

/// More than there are.
const STATEMENT_CACHE_CAPACITY: usize = 32;

/// Opens the home's database for writing, after creating or migrating it where needed.
pub(super) fn open(home: &Home) -> Result<Connection, OpenError> {
    let path = home.database();
    match read_schema_version(&path)? {
        None => create(home)?,
        Some(found) if found > SCHEMA.newest() => return Err(newer(&path, found)),
        Some(_) => check(&path)?,
    }
    let mut connection =
        writer(&path).map_err(|source| OpenError::Database { path: path.clone(), source })?;
    migrate(&mut connection, &path)?;
    Ok(connection)
}

/// Prepares a new database in a draft file and publishes it atomically.
fn create(home: &Home) -> Result<(), OpenError> {
    let draft = home.draft()?;
    let database = |source| OpenError::Database { path: draft.clone(), source };
    let mut connection = connect(&draft).map_err(database)?;
    migrate(&mut connection, &draft)?;
    connection.close().map_err(|(_, error)| database(error.into()))?;
    home.publish(&draft)
}

/// Finds damage before anything is written.
fn check(path: &Path) -> Result<(), OpenError> {
    let torn = |why: String| OpenError::Torn { path: path.to_owned(), why };
    let failed = |error| match error {
        StoreError::Database(why) => torn(why),
        source => OpenError::Database { path: path.to_owned(), source },
    };
    let size =
        std::fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?.len();
    if size > MAX_CHECKED_BYTES {
        return Ok(());
    }
    let verdict = connect(path).and_then(|connection| {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(verdict)
    });
    let verdict = verdict.map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(torn(verdict)) }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let database =
        |source: rusqlite::Error| OpenError::Database { path: path.to_owned(), source: source.into() };
    let found = SCHEMA.bring_up(connection).map_err(database)?;
    if found > SCHEMA.newest() {
        return Err(newer(path, found));
    }
    if found < SCHEMA.newest() {
        // [`read_schema_version`] reads the version from the file itself.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(database)?;
    }
    Ok(())
}

fn newer(path: &Path, found: u32) -> OpenError {
    OpenError::Newer { path: path.to_owned(), found, known: SCHEMA.newest() }
}

/// Creates a database as a program of this schema version left it.
#[cfg(test)]
pub(super) fn create_at_version(path: &Path, version: u32) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
    connection.execute_batch("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)").unwrap();
    for (step, number) in SCHEMA.steps.iter().zip(1..=version) {
        connection.execute_batch(step).unwrap();
        connection.execute("INSERT INTO _sqlx_migrations VALUES ($1)", [number]).unwrap();
    }
    connection
}
