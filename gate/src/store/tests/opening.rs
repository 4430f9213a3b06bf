//! Homes: private, for one instance, and nothing foreign is touched.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use super::*;
use crate::store::{NonceState, OpenError, schema};

/// Name, bytes of the file, and what must be said of it.
type Case = (&'static str, Vec<u8>, fn(&OpenError) -> bool);

async fn refused(home: &Path) -> OpenError {
    Store::open(home).await.expect_err("must be refused")
}

#[tokio::test]
async fn home_and_files_are_private_to_owner() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep/.sovereign-gate");
    let store = open(&dir).await;
    store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    store.close().await;
    std::fs::set_permissions(dir.join("gate.db"), PermissionsExt::from_mode(0o644)).unwrap();
    open(&dir).await.close().await;
    assert_eq!(mode(&dir.join("gate.db")), 0o600);
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o770)).unwrap();
    assert!(matches!(refused(&dir).await, OpenError::Exposed { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_store_is_one_file() {
    for n in 0..20 {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path()).await;
        store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
        // There is a connection that reads, too.
        assert_eq!(store.progress().ethereum_cursor().await.unwrap(), None);
        store.close().await;
        assert!(!home.path().join("gate.db-wal").exists(), "round {n}");
    }
}

#[tokio::test]
async fn checkpoints_log_without_load() {
    let home = tempfile::tempdir().unwrap();
    let options = StoreOptions { checkpoint_interval: Duration::from_millis(20), ..StoreOptions::default() };
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Store::open_with(home.path(), options, clock).await.unwrap();
    let text = "only in the log at first";
    let mut new = redemption(1, 1, 1);
    text.clone_into(&mut new.proof.message);
    store.bindings().redeem(new).await.unwrap();
    let path = home.path().join("gate.db");
    let moved = || std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    for _ in 0..500 {
        if moved() {
            return store.close().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the log was not moved");
}

#[tokio::test]
async fn refuses_second_instance_while_first_runs() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    assert!(matches!(refused(home.path()).await, OpenError::InUse { .. }));
    store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.bindings().count(), 1);
    // Dropped without close: the writer still finishes and then lets go.
    drop(store);
    for _ in 0..200 {
        if let Ok(store) = Store::open(home.path()).await {
            return store.close().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock was not given back");
}

#[tokio::test]
async fn refuses_foreign_and_damaged_files_unchanged() {
    let home = tempfile::tempdir().unwrap();
    let ours = home.path().join("ours");
    let store = open(&ours).await;
    for n in 0..40 {
        store.bindings().redeem(redemption(n, n, n)).await.unwrap();
    }
    store.close().await;
    let good = std::fs::read(ours.join("gate.db")).unwrap();

    let foreign = home.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE sessions (id INTEGER); PRAGMA user_version = 1").unwrap();
    other.close().unwrap();

    let mut scribbled = good.clone();
    // Its head: what is not used of a page may be scribbled on.
    let middle = scribbled.len() / 2 / 4096 * 4096;
    scribbled[middle..middle + 2048].fill(0xaa);
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&7_u32.to_be_bytes());
    let cases: [Case; 7] = [
        ("empty", vec![], |error| matches!(error, OpenError::Torn { .. })),
        ("short", good[..60].to_vec(), |error| matches!(error, OpenError::Torn { .. })),
        ("half", good[..good.len() / 2].to_vec(), |error| matches!(error, OpenError::Torn { .. })),
        ("scribbled", scribbled, |error| matches!(error, OpenError::Torn { .. })),
        ("text", b"[gate]\n".repeat(100), |error| matches!(error, OpenError::Foreign { .. })),
        ("foreign", std::fs::read(&foreign).unwrap(), |error| matches!(error, OpenError::Foreign { .. })),
        ("newer", newer, |error| matches!(error, OpenError::Newer { found: 7, known: 6, .. })),
    ];
    for (name, bytes, expected) in cases {
        let dir = home.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("gate.db"), &bytes).unwrap();
        let error = refused(&dir).await;
        assert!(expected(&error), "{name}: {error}");
        assert_eq!(std::fs::read(dir.join("gate.db")).unwrap(), bytes, "{name} was touched");
    }

    let orphan = home.path().join("orphan");
    std::fs::create_dir(&orphan).unwrap();
    std::fs::write(orphan.join("gate.db-wal"), b"log").unwrap();
    assert!(matches!(refused(&orphan).await, OpenError::Torn { .. }));
    assert!(!orphan.join("gate.db").exists());
}

/// Records of an older version are read; fields that it did not have are unknown.
#[tokio::test]
async fn migrated_sessions_have_no_plan() {
    let home = tempfile::tempdir().unwrap();
    let database = schema::create_at_version(&home.path().join("gate.db"), 3);
    let values = "x'0101010101010101010101010101010101010101', x'0202020202020202020202020202020202020202', \
         NULL, NULL, 'paid', 'wireguard'";
    let hash = "x'0303030303030303030303030303030303030303030303030303030303030303'";
    let written = format!(
        "INSERT INTO sessions (session_id, account, wallet, vault, card, tier, service, peer_id, addresses, \
         handshake_hash, answer, admitted_at, decision_block, expires_at, state) \
         VALUES (7, {values}, 'key 7', '10.8.0.2/32', {hash}, x'', {NOW}, 1, {NOW}, 'live'); \
         INSERT INTO intents (session_id, account, wallet, vault, card, tier, service, peer_id, \
         handshake_hash, admitted_at, decision_block, expires_at) \
         VALUES (8, {values}, 'key 8', {hash}, {NOW}, 1, {NOW})"
    );
    database.execute_batch(&written).unwrap();
    database.close().unwrap();

    let store = open(home.path()).await;
    let old = store.sessions().get(7).unwrap();
    assert_eq!((old.plan, old.wallet, old.peer_id.as_str()), (None, Some(wallet(2)), "key 7"));
    assert_eq!((old.via.as_deref(), old.collection, old.holder()), (None, None, Some(wallet(2))));
    assert_eq!(store.intents().unresolved()[0].record.plan, None);
    let known = crate::store::SessionRecord { plan: Some(42), ..(*old).clone() };
    store.sessions().update(known.clone()).await.unwrap();
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.sessions().get(7).as_deref(), Some(&known), "learned, and kept");
    store.close().await;
    let written = schema::connect(&home.path().join("gate.db")).unwrap();
    let version: u32 = written.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 6);
    assert!(written.prepare("SELECT 1 FROM _sqlx_migrations").is_err(), "two marks could differ");
}

/// The table counts; the mark in the head could lag behind it.
#[tokio::test]
async fn interrupted_migration_runs_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("gate.db");
    let database = schema::create_at_version(&path, 4);
    database.execute_batch("PRAGMA user_version = 3").unwrap();
    database.close().unwrap();
    open(home.path()).await.close().await;

    let newer = home.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    let database = schema::create_at_version(&newer.join("gate.db"), 4);
    database.execute_batch("INSERT INTO _sqlx_migrations VALUES (7)").unwrap();
    database.close().unwrap();
    assert!(matches!(refused(&newer).await, OpenError::Newer { found: 7, known: 6, .. }));
}

#[tokio::test]
async fn opens_after_interrupted_creation() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("gate.db.new"), b"half a database").unwrap();
    let store = open(home.path()).await;
    store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    store.close().await;
    assert!(!home.path().join("gate.db.new").exists());
}

#[tokio::test]
async fn purges_old_entries_and_keeps_old_nonces_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let old = redemption(1, 1, 1);
    let (binding, _) = store.bindings().redeem(old.clone()).await.unwrap();
    store.close().await;

    // An expired binding differs from an unknown one.
    let (store, _) = open_at(home.path(), NOW + DAY + 3600).await;
    assert!(store.bindings().of_account(&account(1))[0].expired(NOW + DAY + 3600));
    assert_eq!(store.bindings().nonce_state(&old.nonce.unwrap()), NonceState::Forgotten);
    assert!(store.bindings().redeem(old.clone()).await.is_err());
    store.close().await;

    let (store, _) = open_at(home.path(), NOW + 2 * DAY).await;
    assert_eq!(store.bindings().count(), 0);
    assert_eq!(store.bindings().proof(&binding).await.unwrap(), None);
    store.close().await;
}

/// After the clock was ahead, the used nonces of today are forgotten: new ones are valid again with a new key.
#[tokio::test]
async fn accepts_challenges_after_clock_was_briefly_ahead() {
    let home = tempfile::tempdir().unwrap();
    let (store, clock) = open_at(home.path(), NOW + DAY).await;
    let tag = || hmac::Mac::finalize(store.bindings().nonce_key().mac()).into_bytes();
    let key = tag();
    clock.advance(-DAY);
    let fresh = redemption(1, 1, 1);
    assert_eq!(store.bindings().nonce_state(&fresh.nonce.unwrap()), NonceState::Forgotten);
    for _ in 0..100 {
        if store.bindings().nonce_state(&fresh.nonce.unwrap()) == NonceState::Fresh {
            assert_ne!(tag(), key, "what was issued before opens again");
            store.bindings().redeem(fresh).await.unwrap();
            return store.close().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("new challenges count as used");
}

#[tokio::test]
async fn voids_old_challenges_when_clock_is_set_back() {
    let home = tempfile::tempdir().unwrap();
    let (store, _) = open_at(home.path(), NOW + DAY).await;
    let key = store.bindings().nonce_key();
    store.close().await;
    // Within what is remembered nothing has to change.
    let (store, _) = open_at(home.path(), NOW + DAY - 300).await;
    let tag = |key: &crate::store::NonceKey| hmac::Mac::finalize(key.mac()).into_bytes();
    assert_eq!(tag(&store.bindings().nonce_key()), tag(&key));
    store.close().await;
    let (store, _) = open_at(home.path(), NOW).await;
    assert_ne!(tag(&store.bindings().nonce_key()), tag(&key), "the key that signed them is gone");
    let fresh = redemption(1, 1, 1);
    assert_eq!(store.bindings().nonce_state(&fresh.nonce.unwrap()), NonceState::Fresh);
    store.bindings().redeem(fresh).await.unwrap();
    store.close().await;
}
