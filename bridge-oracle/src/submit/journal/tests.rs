use sentinel_proto::hub::Refused;

use super::*;

fn entry(transaction: &SignedTransaction, sequence: u64) -> Entry<'_> {
    let actions = &[Action::ActivatePlan { plan: 7 }];
    Entry { round: 1, sequence, timeout_height: 50, fee: "1udvpn".to_owned(), actions, transaction }
}

#[tokio::test]
async fn what_was_begun_is_there_after_the_next_start_until_it_is_settled() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (SignedTransaction::from_bytes(vec![1]), SignedTransaction::from_bytes(vec![2]));
    {
        let journal = Journal::open(home.path()).await.unwrap();
        journal.begin(&entry(&first, 4)).await.unwrap();
        journal.begin(&entry(&second, 4)).await.unwrap();
        journal.begin(&entry(&second, 4)).await.unwrap();
    }
    let journal = Journal::open(home.path()).await.unwrap();
    let open = journal.open_transactions().await.unwrap();
    assert_eq!(open.len(), 2);
    assert_eq!((open[0].sequence, open[0].timeout_height, open[0].round), (4, 50, 1));
    assert_eq!(open[0].actions, [Action::ActivatePlan { plan: 7 }]);
    assert_eq!(open[1].transaction, second);
    let outcome = Err(Refused { codespace: "sdk".to_owned(), code: 11, log: "out of gas".to_owned() });
    let executed = Executed { height: 9, gas_used: 5, gas_wanted: 6, outcome };
    let ends = [(*first.hash(), End::Executed(executed)), (*second.hash(), End::Void("replaced".to_owned()))];
    journal.settle(&ends).await.unwrap();
    assert!(journal.open_transactions().await.unwrap().is_empty());
    let counts = journal.counts().await.unwrap();
    assert_eq!(counts, [("failed".to_owned(), 1), ("void".to_owned(), 1)]);
}

#[tokio::test]
async fn one_instance_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).await.unwrap();
    let second = Journal::open(home.path()).await;
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    drop(journal);
    Journal::open(home.path()).await.unwrap();
}

#[tokio::test]
async fn foreign_and_exposed_homes_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(FILE), [0x55; 4096]).unwrap();
    let opened = Journal::open(home.path()).await;
    assert!(matches!(opened, Err(JournalError::Foreign { .. })), "{opened:?}");
    let other = tempfile::tempdir().unwrap();
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(other.path().join(FILE)).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("CREATE TABLE a (b)").execute(&mut connection).await.unwrap();
    drop(connection);
    let opened = Journal::open(other.path()).await;
    assert!(matches!(opened, Err(JournalError::Foreign { .. })), "{opened:?}");
    let exposed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(exposed.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let opened = Journal::open(exposed.path()).await;
    assert!(matches!(opened, Err(JournalError::Exposed { .. })), "{opened:?}");
}
