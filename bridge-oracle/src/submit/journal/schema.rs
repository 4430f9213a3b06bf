//! Opening the database: creation, migration, the settings of a connection.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _};

use super::{JournalError, PRIVATE_FILE};

/// Marks our files among all databases of that format (`BOra`).
const APPLICATION_ID: i64 = 0x424f_7261;
const START: &str = include_str!("migrations/0001_start.sql");
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the database for writing, after creating or migrating it where needed.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection, JournalError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path);
    match file {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            return Err(JournalError::Io { path: path.to_owned(), source });
        }
        _ => {}
    }
    let foreign = |why: String| JournalError::Foreign { path: path.to_owned(), why };
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // Durable means: the commit waits until the log is on the disk.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| foreign(error.to_string()))?;
    let database = |source| JournalError::Database { path: path.to_owned(), source };
    let mark: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(database)?;
    let tables: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| foreign(error.to_string()))?;
    if mark != APPLICATION_ID && (mark != 0 || tables != 0) {
        return Err(foreign("the mark of another program".to_owned()));
    }
    let verdict: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await.map_err(database)?;
    if verdict != "ok" {
        return Err(foreign(format!("damaged: {verdict}")));
    }
    let set = format!("PRAGMA application_id = {APPLICATION_ID}");
    connection.execute(AssertSqlSafe(set)).await.map_err(database)?;
    migrate(&mut connection, path).await?;
    Ok(connection)
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), JournalError> {
    let start = Migration::new(1, "start".into(), MigrationType::Simple, START.into_sql_str(), false);
    let migrator = Migrator::with_migrations(vec![start]);
    migrator.run(connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionNotPresent(_) => {
            JournalError::Newer { path: path.to_owned() }
        }
        error => JournalError::Database { path: path.to_owned(), source: error.into() },
    })
}
