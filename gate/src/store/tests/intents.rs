//! Handshakes that were with the node when the process ended.

use futures::FutureExt;

use super::sessions::session;
use super::*;
use crate::store::{ClaimError, HolderLimits, SessionClaim};

#[tokio::test]
async fn intent_is_unresolved_after_restart_until_discarded() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (taken, refused, recorded) = (session(1, 1, Some(2)), session(2, 1, None), session(3, 3, None));
    for record in [&taken, &refused, &recorded] {
        store.intents().record(record.clone()).await.unwrap();
    }
    assert!(store.intents().unresolved().is_empty(), "under way");
    let exported_of = async |store: &Store, n| store.wallet_data().export(wallet(n)).await.unwrap().open;
    let exported =
        crate::store::ExportedHandshake { session_id: 1, account: account(1).to_string(), admitted_at: NOW };
    assert_eq!(exported_of(&store, 2).await, std::slice::from_ref(&exported), "the vault's");
    assert_eq!(exported_of(&store, 3).await.len(), 1);
    store.intents().discard(&refused);
    store.sessions().record(recorded.clone(), b"answer".to_vec()).await.unwrap();
    store.close().await;

    let store = open(home.path()).await;
    let open_ones = store.intents().unresolved();
    let [intent] = open_ones.as_slice() else { panic!("{open_ones:?}") };
    let known_before = crate::store::SessionRecord { addresses: vec![], ..taken.clone() };
    assert_eq!(*intent.record, known_before);
    assert_eq!(exported_of(&store, 1).await, [exported], "the refused one is gone");
    assert!(exported_of(&store, 3).await.is_empty(), "it is a session now");
    assert!(store.intents().has_unresolved(1, "key 1") && !store.intents().has_unresolved(1, "key 2"));
    // Key and device are taken, though there is no session yet.
    assert_eq!((store.sessions().get(1), store.sessions().using_peer("wireguard", "key 1")), (None, Some(1)));
    let thief = SessionClaim {
        session_id: 9,
        holder: taken.holder(),
        tier: taken.tier.clone(),
        service: taken.service.clone(),
        peer_id: "key 9".to_owned(),
        limits: Some(HolderLimits { devices: 1, peer_slots: 4, admissions_per_hour: None }),
    };
    let refused = store.sessions().claim(thief.clone()).unwrap_err();
    assert_eq!(refused, ClaimError::DeviceLimit { sessions: vec![1], recorded: vec![], limit: 1 });
    assert_eq!(store.sessions().newest_answer("wireguard").await.unwrap().unwrap(), b"answer");

    store.intents().discard(&intent.record);
    drop(store.sessions().claim(thief).unwrap());
    assert!(store.intents().unresolved().is_empty());
    store.close().await;
    let store = open(home.path()).await;
    assert!(store.intents().unresolved().is_empty(), "settled for good");
    store.close().await;
}

#[tokio::test]
async fn unresolved_intent_becomes_session_and_erases_wallet() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (one, two) = (session(1, 1, None), session(2, 2, None));
    store.intents().record(one.clone()).await.unwrap();
    store.intents().keep_unresolved(one.clone());
    store.intents().keep_unresolved(two.clone());
    store.sessions().record(one.clone(), vec![]).await.unwrap();
    let names: Vec<_> = store.intents().unresolved().iter().map(|intent| intent.record.session_id).collect();
    assert_eq!(names, [2]);
    store.wallet_data().erase(wallet(2), "asked for it").await.unwrap();
    assert_eq!(store.intents().unresolved()[0].record.wallet, None);
    assert_eq!(store.sessions().get(1).as_deref(), Some(&one));
    store.close().await;
    let store = open(home.path()).await;
    assert!(store.intents().unresolved().is_empty(), "one is recorded, the other was never written");
    store.close().await;
}

fn locker(home: &Path) -> rusqlite::Connection {
    let locker = crate::store::schema::connect(&home.join("gate.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    locker
}

#[tokio::test]
async fn writes_peer_writes_inline() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let new = session(1, 1, None);
    let done = store.intents().record(new.clone()).now_or_never();
    assert!(matches!(done, Some(Ok(()))), "{done:?}");
    let done = store.sessions().record(new.clone(), vec![]).now_or_never();
    assert!(matches!(done, Some(Ok(()))), "{done:?}");
    assert_eq!(store.sessions().get(1).as_deref(), Some(&new));
    // Another program's lock is waited for elsewhere.
    let locker = locker(home.path());
    let begun = std::time::Instant::now();
    assert!(store.intents().record(session(2, 2, None)).now_or_never().is_none());
    assert!(begun.elapsed() < crate::store::schema::BUSY_TIMEOUT / 2);
    drop(locker);
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.sessions().get(1).as_deref(), Some(&new));
    assert_eq!(
        store.intents().unresolved()[0].record.session_id,
        2,
        "nobody waited for it, but it was wanted"
    );
    store.close().await;
}

#[tokio::test]
async fn inline_write_does_not_overtake_queue() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for n in 0..50 {
        let new = session(n, 1, None);
        store.intents().record(new.clone()).await.unwrap();
        let locker = locker(home.path());
        // Discarded, which the lock delays, and recorded again immediately.
        store.intents().discard(&new);
        let again = store.clone();
        let again = tokio::spawn(async move { again.intents().record(new).await });
        drop(locker);
        again.await.unwrap().unwrap();
    }
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.intents().unresolved().len(), 50);
    store.close().await;
}

#[tokio::test]
async fn inline_writes_keep_log_bounded() {
    let home = tempfile::tempdir().unwrap();
    let options =
        StoreOptions { checkpoint_interval: std::time::Duration::from_secs(3600), ..StoreOptions::default() };
    let store = Store::open_with(home.path(), options, Arc::new(ManualClock::at(NOW))).await.unwrap();
    for n in 0..20_000 {
        store.intents().record(session(n, 1, None)).await.unwrap();
    }
    let size = |file: &str| std::fs::metadata(home.path().join(file)).unwrap().len();
    assert!(size("gate.db") > 2 << 20, "{} bytes were moved", size("gate.db"));
    store.close().await;
}
