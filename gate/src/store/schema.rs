//! Opening the database: creation, migration, the settings of a connection.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr};

use super::error::{OpenError, StoreError};
use super::home::{APPLICATION_ID, Home, inspect};

const MIGRATIONS: &[(&str, &str)] = &[
    ("start", include_str!("migrations/0001_start.sql")),
    ("enforcement", include_str!("migrations/0002_enforcement.sql")),
    ("intents", include_str!("migrations/0003_intents.sql")),
    ("plan", include_str!("migrations/0004_plan.sql")),
];
/// The newest schema that this program knows.
const SCHEMA: u32 = 4;
/// A caller has about three seconds in all: a lock that is held longer is an error to him.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Above this size the start does not wait for a check of every page.
const CHECKED_BYTES: u64 = 16 << 20;

/// Settings of every connection. Durable means: the commit waits until the log is on the disk.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Opens the home's database for writing, after creating or migrating it where needed.
pub(super) async fn open(home: &Home) -> Result<SqliteConnection, OpenError> {
    let path = home.database();
    match inspect(&path)? {
        None => create(home).await?,
        Some(found) if found > SCHEMA => return Err(OpenError::Newer { path, found, known: SCHEMA }),
        Some(_) => check(&path).await?,
    }
    let database = |source| OpenError::Database { path: path.clone(), source };
    let mut connection = connect(&path).await.map_err(database)?;
    migrate(&mut connection, &path).await?;
    Ok(connection)
}

/// The connection of the writer.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        // The writer moves the log into the database now and then; a commit, for which somebody waits, only does it
        // under a load that leaves no time for that: from so many pages on, 16 MiB.
        .pragma("wal_autocheckpoint", "4096")
        // After a burst the log gives its space back.
        .pragma("journal_size_limit", "16777216");
    Ok(options.connect().await?)
}

/// Prepares a new database beside its place and moves it there whole.
async fn create(home: &Home) -> Result<(), OpenError> {
    let draft = home.draft()?;
    let database = |source: sqlx::Error| OpenError::Database { path: draft.clone(), source: source.into() };
    let mut connection = options(&draft).connect().await.map_err(database)?;
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
    connection.execute(AssertSqlSafe(mark)).await.map_err(database)?;
    migrate(&mut connection, &draft).await?;
    connection.close().await.map_err(database)?;
    home.publish(&draft)
}

/// Finds damage before anything is written.
async fn check(path: &Path) -> Result<(), OpenError> {
    let torn = |why: String| OpenError::Torn { path: path.to_owned(), why };
    let failed = |error: sqlx::Error| match StoreError::from(error) {
        StoreError::Database(why) => torn(why),
        source => OpenError::Database { path: path.to_owned(), source },
    };
    let size =
        std::fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?.len();
    if size > CHECKED_BYTES {
        return Ok(());
    }
    let mut connection = options(path).connect().await.map_err(failed)?;
    let verdict: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(torn(verdict)) }
}

fn migrator(steps: &'static [(&'static str, &'static str)]) -> Migrator {
    let migrations = (1..).zip(steps).map(|(version, (name, sql))| {
        Migration::new(version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let migrator = migrator(MIGRATIONS);
    let database = |source| OpenError::Database { path: path.to_owned(), source };
    migrator.run(&mut *connection).await.map_err(|error| match error {
        // The mark in the header lags behind a migration that was cut off; its own table knows.
        MigrateError::VersionMissing(found) | MigrateError::VersionNotPresent(found) => OpenError::Newer {
            path: path.to_owned(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: SCHEMA,
        },
        error => database(StoreError::Database(error.to_string())),
    })?;
    let written: u32 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| database(error.into()))?;
    if written == SCHEMA {
        return Ok(());
    }
    let mark = format!("PRAGMA user_version = {SCHEMA}; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlx::raw_sql(AssertSqlSafe(mark)).execute(connection).await.map_err(|error| database(error.into()))?;
    Ok(())
}

/// A database as a former program left it.
#[cfg(test)]
pub(super) async fn former(path: &Path, version: u32) -> SqliteConnection {
    let mut connection = options(path).create_if_missing(true).connect().await.unwrap();
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}");
    connection.execute(AssertSqlSafe(mark)).await.unwrap();
    migrator(&MIGRATIONS[..version as usize]).run(&mut connection).await.unwrap();
    connection
}
