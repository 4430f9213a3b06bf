//! A failing disk is an error to the caller and nothing else.

use rusqlite::{Connection, params};

use super::*;
use crate::store::{NonceState, StoreError, schema};

fn other(home: &Path) -> Connection {
    schema::connect(&home.join("gate.db")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_from_locked_database() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (_, token) = store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    let locker = other(home.path());
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    let (first, second) = tokio::join!(
        store.bindings().redeem(redemption(2, 2, 2)),
        store.bindings().redeem(redemption(3, 3, 3))
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(3));
    for refused in [first, second] {
        assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    }
    // Reading goes on, and nothing of the refused writes shows.
    assert!(store.bindings().by_token(&token).await.unwrap().is_some());
    assert!(store.bindings().of_account(&account(2)).is_empty());
    assert_eq!(store.bindings().nonce_state(&redemption(2, 2, 2).nonce.unwrap()), NonceState::Fresh);
    locker.execute_batch("ROLLBACK").unwrap();
    store.bindings().redeem(redemption(2, 2, 2)).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_write_fails_alone() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let saboteur = other(home.path());
    let trigger = "CREATE TRIGGER sabotage BEFORE INSERT ON bindings WHEN NEW.wallet = \
        X'0707070707070707070707070707070707070707' BEGIN SELECT RAISE(ABORT, 'sabotage'); END";
    saboteur.execute_batch(trigger).unwrap();
    // The lock makes them wait for one another, so that they come as one batch.
    saboteur.execute_batch("BEGIN IMMEDIATE").unwrap();
    let attempts: Vec<_> = (1..=20)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { (n, store.bindings().redeem(redemption(n, n, n)).await) })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    saboteur.execute_batch("ROLLBACK").unwrap();
    for attempt in attempts {
        let (n, result) = attempt.await.unwrap();
        assert_eq!(result.is_ok(), n != 7, "{n}: {result:?}");
    }
    assert_eq!(store.bindings().nonce_state(&redemption(7, 7, 7).nonce.unwrap()), NonceState::Fresh);
    saboteur.execute_batch("DROP TRIGGER sabotage").unwrap();
    saboteur.close().unwrap();
    store.bindings().redeem(redemption(7, 7, 7)).await.unwrap();
    assert_eq!(store.bindings().count(), 20);
    store.close().await;
}

#[tokio::test]
async fn rejects_nonce_known_only_to_database() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let new = redemption(1, 1, 1);
    let nonce = new.nonce.unwrap();
    let known = params![nonce.issued_at, nonce.random];
    other(home.path()).execute("INSERT INTO used_nonces (issued_at, nonce) VALUES ($1, $2)", known).unwrap();
    assert!(matches!(store.bindings().redeem(new).await, Err(StoreError::NonceUsed)));
    assert_eq!(store.bindings().count(), 0);
    store.close().await;
}

#[tokio::test]
async fn recovers_from_full_disk() {
    let home = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let small = StoreOptions { max_pages: Some(24), ..StoreOptions::default() };
    let store = Store::open_with(home.path(), small, clock).await.unwrap();
    let big = |n| {
        let mut new = redemption(n, n, n);
        new.proof.signature = vec![n; 16 << 10];
        new
    };
    let mut kept = Vec::new();
    let full = loop {
        let n = u8::try_from(kept.len()).unwrap();
        match store.bindings().redeem(big(n)).await {
            Ok((binding, _)) => kept.push(binding),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full), "{full}");
    assert!(!kept.is_empty());
    let refused = u8::try_from(kept.len()).unwrap();
    assert!(store.bindings().of_account(&account(refused)).is_empty());
    // Room again: the service goes on without a restart.
    for binding in &kept {
        store.bindings().delete(binding).await.unwrap();
    }
    store.bindings().redeem(big(refused)).await.unwrap();
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.bindings().count(), 1);
    store.close().await;
}

#[tokio::test]
async fn refuses_writes_after_close() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    store.close().await;
    assert!(matches!(store.bindings().redeem(redemption(1, 1, 1)).await, Err(StoreError::Closed)));
    store.close().await;
}
