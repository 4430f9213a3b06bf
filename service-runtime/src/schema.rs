//! Schema of a program's database: version of a file and migration to the newest one.

use rusqlite::{Connection, TransactionBehavior};

/// Table in which former versions of the programs counted migrations.
const FORMER_COUNT: &str = "_sqlx_migrations";

/// Schema of a program.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// SQLite's `application_id` of the program's files.
    pub application_id: u32,
    /// Migrations from an empty file to the newest version. The version of a file is the number of applied migrations.
    pub steps: &'static [&'static str],
}

impl Schema {
    /// Returns the newest version that this program knows.
    pub fn newest(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// Applies the missing migrations, all or none. Returns the former version of the file; a file of a newer program
    /// is left unchanged.
    pub fn bring_up(&self, connection: &mut Connection) -> rusqlite::Result<u32> {
        let (found, counted) = version(connection)?;
        // Without a migration there is no need to wait for another process that holds the file.
        if found > self.newest() || (found == self.newest() && !counted) {
            return Ok(found);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have applied them.
        let (found, _) = version(&transaction)?;
        let Some(missing) = self.steps.get(found as usize..) else { return Ok(found) };
        for step in missing {
            transaction.execute_batch(step)?;
        }
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS {FORMER_COUNT}"))?;
        transaction.pragma_update(None, "application_id", self.application_id)?;
        transaction.pragma_update(None, "user_version", self.newest())?;
        transaction.commit()?;
        Ok(found)
    }
}

/// Returns the number of applied migrations, and whether the table of former programs exists, which `user_version` may
/// lag behind. The table is empty if a former program was tried after this one.
fn version(connection: &Connection) -> rusqlite::Result<(u32, bool)> {
    let mark = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if !connection.table_exists(None, FORMER_COUNT)? {
        return Ok((mark, false));
    }
    let question = format!("SELECT COALESCE(MAX(version), 0) FROM {FORMER_COUNT}");
    let counted: u32 = connection.query_row(&question, [], |row| row.get(0))?;
    Ok((counted.max(mark), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Schema = Schema { application_id: 7, steps: &["CREATE TABLE a (x)"] };
    const TWO: Schema = Schema { application_id: 7, steps: &["CREATE TABLE a (x)", "CREATE TABLE b (x)"] };

    fn marks(connection: &Connection) -> [u32; 2] {
        ["application_id", "user_version"]
            .map(|mark| connection.pragma_query_value(None, mark, |row| row.get(0)).unwrap())
    }

    #[test]
    fn migrates_to_newest_version_and_keeps_newer_files() {
        let mut file = Connection::open_in_memory().unwrap();
        assert_eq!(ONE.bring_up(&mut file).unwrap(), 0);
        assert_eq!((marks(&file), file.table_exists(None, "b").unwrap()), ([7, 1], false));
        assert_eq!(TWO.bring_up(&mut file).unwrap(), 1);
        assert_eq!((marks(&file), file.table_exists(None, "b").unwrap()), ([7, 2], true));
        assert_eq!(TWO.bring_up(&mut file).unwrap(), 2);
        assert_eq!(ONE.bring_up(&mut file).unwrap(), 2, "a newer program's");
        assert_eq!(marks(&file), [7, 2]);
    }

    #[test]
    fn failed_migration_leaves_file_unchanged() {
        let broken = Schema { application_id: 7, steps: &["CREATE TABLE a (x)", "no statement"] };
        let mut file = Connection::open_in_memory().unwrap();
        assert!(broken.bring_up(&mut file).is_err());
        assert_eq!((marks(&file), file.table_exists(None, "a").unwrap()), ([0, 0], false));
    }

    #[test]
    fn continues_after_migrations_of_former_programs() {
        let mut file = Connection::open_in_memory().unwrap();
        let former = "CREATE TABLE a (x); CREATE TABLE _sqlx_migrations (version BIGINT); \
                      INSERT INTO _sqlx_migrations VALUES (1)";
        file.execute_batch(former).unwrap();
        assert_eq!(TWO.bring_up(&mut file).unwrap(), 1);
        assert_eq!((marks(&file), file.table_exists(None, FORMER_COUNT).unwrap()), ([7, 2], false));
        file.execute_batch("CREATE TABLE _sqlx_migrations (version BIGINT)").unwrap();
        assert_eq!(TWO.bring_up(&mut file).unwrap(), 2);
        assert!(!file.table_exists(None, FORMER_COUNT).unwrap(), "it was tried after this program");
    }

    #[test]
    fn current_file_needs_no_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.db");
        let mut file = Connection::open(&path).unwrap();
        file.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        ONE.bring_up(&mut file).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        file.busy_timeout(std::time::Duration::ZERO).unwrap();
        assert_eq!(ONE.bring_up(&mut file).unwrap(), 1);
        assert!(TWO.bring_up(&mut file).is_err());
    }
}
