use std::os::unix::fs::MetadataExt as _;

use sentinel_proto::hub::TxRejection;
use service_runtime::atomic_file::PRIVATE_FILE_MODE;

use super::*;

fn entry(transaction: &SignedTransaction, sequence: u64) -> JournalEntry<'_> {
    let actions = &[Action::ActivatePlan { plan: 7 }];
    JournalEntry { round: 1, sequence, timeout_height: 50, fee: "1udvpn".to_owned(), actions, transaction }
}

#[test]
fn keeps_open_transactions_across_restart_until_settled() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (SignedTransaction::from_bytes(vec![1]), SignedTransaction::from_bytes(vec![2]));
    {
        let journal = Journal::open(home.path()).unwrap();
        journal.begin(&entry(&first, 4)).unwrap();
        journal.begin(&entry(&second, 4)).unwrap();
        journal.begin(&entry(&second, 4)).unwrap();
    }
    let journal = Journal::open(home.path()).unwrap();
    let open = journal.open_transactions().unwrap();
    assert_eq!(open.len(), 2);
    assert_eq!((open[0].sequence, open[0].timeout_height, open[0].round), (4, 50, 1));
    assert_eq!(open[0].actions, [Action::ActivatePlan { plan: 7 }]);
    assert_eq!(open[1].transaction, second);
    let outcome = Err(TxRejection { codespace: "sdk".to_owned(), code: 11, log: "out of gas".to_owned() });
    let executed = ExecutedTx { height: 9, gas_used: 5, gas_wanted: 6, outcome };
    let ends = [
        (*first.hash(), TransactionEnd::Executed(executed)),
        (*second.hash(), TransactionEnd::Void("replaced".to_owned())),
    ];
    journal.settle(&ends).unwrap();
    assert!(journal.open_transactions().unwrap().is_empty());
    let counts = journal.counts().unwrap();
    assert_eq!(counts, [("failed".to_owned(), 1), ("void".to_owned(), 1)]);
}

#[test]
fn rejects_second_instance() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let second = Journal::open(home.path());
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    drop(journal);
    Journal::open(home.path()).unwrap();
}

#[test]
fn rejects_foreign_and_exposed_homes() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(JOURNAL_FILE), [0x55; 4096]).unwrap();
    let opened = Journal::open(home.path());
    assert!(matches!(opened, Err(JournalError::Foreign { .. })), "{opened:?}");
    let other = tempfile::tempdir().unwrap();
    let connection = Connection::open(other.path().join(JOURNAL_FILE)).unwrap();
    connection.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(connection);
    let opened = Journal::open(other.path());
    assert!(matches!(opened, Err(JournalError::Foreign { .. })), "{opened:?}");
    let exposed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(exposed.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let opened = Journal::open(exposed.path());
    assert!(matches!(opened, Err(JournalError::Exposed { .. })), "{opened:?}");
}

#[test]
fn rejects_torn_files() {
    for tear in [|file: &mut Vec<u8>| file.truncate(4096), |file: &mut Vec<u8>| file[4096..].fill(0x55)] {
        let home = tempfile::tempdir().unwrap();
        drop(Journal::open(home.path()).unwrap());
        let path = home.path().join(JOURNAL_FILE);
        let mut file = std::fs::read(&path).unwrap();
        tear(&mut file);
        std::fs::write(path, file).unwrap();
        let opened = Journal::open(home.path());
        assert!(matches!(opened, Err(JournalError::Foreign { .. })), "{opened:?}");
    }
}

#[test]
fn writes_are_durable_and_files_private() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let settings = journal.with(|connection| {
        let ask = |name| connection.query_row(&format!("PRAGMA {name}"), (), |row| row.get(0));
        let log: String = connection.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
        Ok((log, ask("synchronous")?, ask("busy_timeout")?))
    });
    assert_eq!(settings.unwrap(), ("wal".to_owned(), 2, 5000));
    for file in [JOURNAL_FILE, "journal.db-wal", "journal.db-shm", LOCK_FILE] {
        let mode = std::fs::metadata(home.path().join(file)).unwrap().mode();
        assert_eq!(mode & 0o777, PRIVATE_FILE_MODE, "{file}");
    }
}

/// Creates a home of an earlier version, which counted migrations in a table, with one open transaction.
fn former(version: i64) -> (tempfile::TempDir, Connection) {
    let home = tempfile::tempdir().unwrap();
    let connection = Connection::open(home.path().join(JOURNAL_FILE)).unwrap();
    connection.execute_batch(FORMER).unwrap();
    connection.execute_batch(include_str!("migrations/0001_start.sql")).unwrap();
    connection
        .execute("INSERT INTO _sqlx_migrations VALUES (?1, 'start', '2026-11-01', TRUE, x'00', 1)", [version])
        .unwrap();
    let row = "INSERT INTO transactions VALUES (1, x'01', 3, 4, 50, x'02', '[]', '1udvpn', 0, 'open', \
               NULL, NULL, NULL, NULL, NULL)";
    connection.execute_batch(row).unwrap();
    (home, connection)
}

const FORMER: &str = "PRAGMA application_id = 1112502881; PRAGMA journal_mode = WAL; \
                      CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
                      installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
                      checksum BLOB NOT NULL, execution_time BIGINT NOT NULL);";

#[test]
fn opens_home_of_earlier_version_with_its_rows() {
    let (home, connection) = former(1);
    // As after `kill -9`: the log is not merged into the file.
    let opened = Journal::open(home.path()).unwrap();
    drop(connection);
    let open = opened.open_transactions().unwrap();
    assert_eq!((open.len(), open[0].round, open[0].transaction.bytes()), (1, 3, &[2][..]));
    drop(opened);
    let connection = Connection::open(home.path().join(JOURNAL_FILE)).unwrap();
    let mark = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((mark("application_id"), mark("user_version")), (0x424f_7261, 1));
    assert!(!connection.table_exists(None, "_sqlx_migrations").unwrap());
    // An earlier version that runs again recreates its table and fails at its first migration.
    connection.execute_batch(FORMER).unwrap();
    drop(connection);
    assert_eq!(Journal::open(home.path()).unwrap().open_transactions().unwrap(), open);
}

#[test]
fn rejects_homes_of_newer_versions_unchanged() {
    let (home, connection) = former(2);
    let refused = Journal::open(home.path());
    assert!(matches!(refused, Err(JournalError::Newer { .. })), "{refused:?}");
    assert!(connection.table_exists(None, "_sqlx_migrations").unwrap());
    let (home, connection) = former(1);
    connection.pragma_update(None, "user_version", 2).unwrap();
    let refused = Journal::open(home.path());
    assert!(matches!(refused, Err(JournalError::Newer { .. })), "{refused:?}");
}
