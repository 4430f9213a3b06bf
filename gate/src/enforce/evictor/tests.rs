//! An eviction counts from the moment in which it was decided, whatever comes in between.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::store::tests::sessions::session;

/// A tunnel with one peer.
#[derive(Debug)]
struct One {
    passes: AtomicBool,
    /// The next order is never answered.
    hangs: AtomicBool,
    let_back: AtomicUsize,
    /// It takes its time to let somebody back.
    slow: AtomicBool,
}

impl Tunnel for One {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        async { Ok(Presence::default()) }.boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async { Ok(None) }.boxed()
    }

    fn block<'a>(&'a self, _: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async {
            if self.hangs.swap(false, Ordering::SeqCst) {
                futures::future::pending::<()>().await;
            }
            self.passes.store(false, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.block(peers)
    }

    fn restore<'a>(&'a self, _: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        async {
            if self.slow.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            self.passes.store(true, Ordering::SeqCst);
            self.let_back.fetch_add(1, Ordering::SeqCst);
            Ok(RestoreOutcome::Passing)
        }
        .boxed()
    }
}

/// As decided on `looked_at`, which is true still.
async fn let_back(evictor: &Evictor, looked_at: SessionRecord) -> Result<RestoreOutcome, RestoreError> {
    evictor.restore(&looked_at, looked_at.clone(), || true).await
}

/// A live session, as it was looked at before anything happened to it.
async fn fixture(home: &std::path::Path) -> (Arc<One>, Evictor, SessionRecord) {
    let store = Store::open(home).await.unwrap();
    let record = session(1, 1, None);
    store.sessions().record(record.clone(), Vec::new()).await.unwrap();
    let tunnel =
        Arc::new(One { passes: true.into(), hangs: false.into(), let_back: 0.into(), slow: false.into() });
    let evictor = Evictor::new(store, Arc::clone(&tunnel) as _);
    (tunnel, evictor, record)
}

#[tokio::test]
async fn does_not_restore_session_dropped_since_decision() {
    let home = tempfile::tempdir().unwrap();
    let (tunnel, evictor, looked) = fixture(home.path()).await;
    let now = |evictor: &Evictor| (*evictor.store.sessions().get(1).unwrap()).clone();
    evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
    assert!(matches!(let_back(&evictor, looked.clone()).await, Err(RestoreError::Changed)), "it was in then");
    let out = now(&evictor);
    assert_eq!(let_back(&evictor, out.clone()).await.unwrap(), RestoreOutcome::Passing);
    for cause in
        [EvictionCause::Dropped, EvictionCause::Erased, EvictionCause::Cancelled, EvictionCause::Lost]
    {
        evictor.store.sessions().update(looked.clone()).await.unwrap();
        evictor.evict(&[1], cause, Instant::now()).await;
        for looked in [&looked, &out, &now(&evictor)] {
            let back = let_back(&evictor, looked.clone()).await;
            assert!(matches!(back, Err(RestoreError::Changed)), "{cause:?}: {back:?}");
        }
        assert!(!tunnel.passes.load(Ordering::SeqCst), "{cause:?}");
    }
    evictor.store.close().await;
}

/// The operator drops everybody while somebody is on his way back.
#[tokio::test(flavor = "multi_thread")]
async fn evict_all_includes_session_being_restored() {
    for (cause, live) in [(EvictionCause::Dropped, 1), (EvictionCause::Lockdown, 1)] {
        let home = tempfile::tempdir().unwrap();
        let (tunnel, evictor, _) = fixture(home.path()).await;
        evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
        let out = (*evictor.store.sessions().get(1).unwrap()).clone();
        tunnel.slow.store(true, Ordering::SeqCst);
        let all = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            evictor.evict_all(|_| true, cause).await.unwrap()
        };
        let (back, evicted) = tokio::join!(let_back(&evictor, out), all);
        assert_eq!((back.unwrap(), evicted), (RestoreOutcome::Passing, live));
        let now = evictor.store.sessions().get(1).unwrap();
        assert_eq!((now.state, now.cause), (SessionState::Evicted, Some(cause)));
        assert!(!tunnel.passes.load(Ordering::SeqCst));
        evictor.store.close().await;
    }
}

/// Who is out comes back after a lockdown if he could before it, and never after he was dropped.
#[tokio::test]
async fn evicted_sessions_keep_cause_unless_dropped_for_good() {
    let home = tempfile::tempdir().unwrap();
    let (_, evictor, _) = fixture(home.path()).await;
    let cause = || evictor.store.sessions().get(1).unwrap().cause;
    evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
    for (all, stays) in [
        (EvictionCause::Lockdown, EvictionCause::NoCard),
        (EvictionCause::Erased, EvictionCause::Erased),
        (EvictionCause::Dropped, EvictionCause::Erased),
    ] {
        assert_eq!(evictor.evict_all(|_| true, all).await.unwrap(), 0);
        assert_eq!(cause(), Some(stays), "{all:?}");
    }
    evictor.store.close().await;
}

/// The one who is waited for leaves, as the newcomer whose handshake takes the oldest one's device.
#[tokio::test(flavor = "multi_thread")]
async fn finishes_eviction_whose_caller_left() {
    let home = tempfile::tempdir().unwrap();
    let (tunnel, evictor, _) = fixture(home.path()).await;
    let evictor = Arc::new(evictor);
    let finishing = Arc::clone(&evictor);
    let finish = tokio::spawn(async move { finishing.retry_unfinished().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    tunnel.hangs.store(true, Ordering::SeqCst);
    let evict = evictor.evict(&[1], EvictionCause::DeviceLimit, Instant::now());
    timeout(Duration::from_millis(500), evict).await.unwrap_err();
    assert!(tunnel.passes.load(Ordering::SeqCst), "it is written, and not done");
    let deadline = Instant::now() + Duration::from_secs(5);
    while tunnel.passes.load(Ordering::SeqCst) {
        assert!(Instant::now() < deadline, "never done");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    finish.abort();
    evictor.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unrecorded_eviction_prevents_restore() {
    let home = tempfile::tempdir().unwrap();
    let (tunnel, evictor, looked) = fixture(home.path()).await;
    let locker = rusqlite::Connection::open(home.path().join("gate.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
    assert_eq!(evictor.store.sessions().get(1).unwrap().state, SessionState::Live, "nothing is written");
    // Whoever compares records and tunnel now finds a live session that is shut out.
    assert!(matches!(let_back(&evictor, looked.clone()).await, Err(RestoreError::Changed)));
    assert_eq!(tunnel.let_back.load(Ordering::SeqCst), 0, "not for a moment");
    locker.execute_batch("ROLLBACK").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while evictor.store.sessions().get(1).unwrap().state == SessionState::Live {
        assert!(Instant::now() < deadline, "never written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let out = (*evictor.store.sessions().get(1).unwrap()).clone();
    while let Err(error) = let_back(&evictor, out.clone()).await {
        assert!(Instant::now() < deadline, "never let back: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(tunnel.passes.load(Ordering::SeqCst));
    evictor.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eviction_does_not_wait_for_silent_node() {
    let home = tempfile::tempdir().unwrap();
    let (_, evictor, _) = fixture(home.path()).await;
    evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
    let out = (*evictor.store.sessions().get(1).unwrap()).clone();
    evictor.store.sessions().record(session(2, 2, None), Vec::new()).await.unwrap();
    let evictor = evictor.with_node_check(Arc::new(|| futures::future::pending().boxed()));
    let evict = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        evictor.evict(&[2], EvictionCause::NoCard, Instant::now()).await;
    };
    tokio::select! {
        back = let_back(&evictor, out) => panic!("the node does not answer: {back:?}"),
        done = timeout(Duration::from_secs(5), evict) => done.expect("the eviction waits for the node"),
    }
    assert_eq!(evictor.store.sessions().get(2).unwrap().state, SessionState::Evicted);
    evictor.store.close().await;
}

/// What a look concluded does not undo what was written since.
#[tokio::test]
async fn rejects_update_decided_before_basis_change() {
    let home = tempfile::tempdir().unwrap();
    let (_, evictor, looked) = fixture(home.path()).await;
    let moved = SessionRecord { wallet: session(0, 9, None).wallet, ..looked.clone() };
    evictor.update(&looked, moved.clone()).await.unwrap();
    assert_eq!(evictor.take_rebased_sessions().await, BTreeSet::from([1]));
    let renewed = SessionRecord { expires_at: looked.expires_at + 1, ..looked.clone() };
    assert!(matches!(evictor.update(&looked, renewed).await, Err(UpdateError::Changed)));
    assert_eq!(evictor.store.sessions().get(1).unwrap().wallet, moved.wallet);
    evictor.store.close().await;
}

#[tokio::test]
async fn records_cancellation_of_evicted_session() {
    let home = tempfile::tempdir().unwrap();
    let (_, evictor, _) = fixture(home.path()).await;
    for (cause, then) in [
        (EvictionCause::NoCard, EvictionCause::NoCard),
        (EvictionCause::Cancelled, EvictionCause::Cancelled),
        (EvictionCause::Lost, EvictionCause::Cancelled),
    ] {
        evictor.evict(&[1], cause, Instant::now()).await;
        assert_eq!(evictor.store.sessions().get(1).unwrap().cause, Some(then));
    }
    evictor.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eviction_does_not_wait_for_queued_restores() {
    let home = tempfile::tempdir().unwrap();
    let (tunnel, evictor, _) = fixture(home.path()).await;
    for id in 2..6 {
        evictor.store.sessions().record(session(id, 2, None), Vec::new()).await.unwrap();
    }
    evictor.evict(&[2, 3, 4, 5], EvictionCause::NoCard, Instant::now()).await;
    tunnel.slow.store(true, Ordering::SeqCst);
    let let_back_all =
        (2..6).map(|id| let_back(&evictor, (*evictor.store.sessions().get(id).unwrap()).clone()));
    let evict = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        evictor.evict(&[1], EvictionCause::NoCard, Instant::now()).await;
    };
    let restored_then = async {
        while evictor.store.sessions().get(1).unwrap().is_live() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tunnel.let_back.load(Ordering::SeqCst)
    };
    let (.., restored) = tokio::join!(join_all(let_back_all), evict, restored_then);
    assert!(restored <= 1, "{restored} restores came first");
    evictor.store.close().await;
}
