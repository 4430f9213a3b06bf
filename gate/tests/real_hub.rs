//! Follows the real hub program: `cargo test -p sovereign-gate --features hub --test real_hub`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../proto/tests/real_hub/chain.rs"]
mod chain;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chain::{CHAIN, Chain};
use sentinel_proto::address::Node;
use sentinel_proto::hub::{HubClient, HubConfig, SessionKind};
use sovereign_gate::admission::sessions::{Follower, SessionEvent, Sessions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_sessions_until_they_end() {
    let mut chain = Chain::start(&["alice", "provider", "node"]);
    let node = chain.address("node").in_role::<Node>();
    let config = HubConfig {
        grpc_addrs: vec![chain.grpc_addr()],
        chain_id: CHAIN.to_owned(),
        timeout: Duration::from_secs(2),
    };
    let sessions = Arc::new(Sessions::new(HubClient::new(config).unwrap()));
    let (sender, mut events) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let follower = Follower::new(Arc::clone(&sessions), move || Some(node), sender);
    let running = tokio::spawn(follower.run(stop.clone()));
    wait_until("the hub is up", || sessions.health().is_up()).await;

    let (plan, subscription) = chain.prepare(&node);
    let by_plan = chain.session_by_plan("alice", subscription, &node);
    // The command above waits for the block, so the session is known here almost at once.
    let late = wait_until("the session", || sessions.count() == 1).await;
    assert!(late < Duration::from_secs(1), "{late:?}");
    let session = sessions.get(by_plan).await.unwrap().unwrap();
    assert_eq!((session.kind, session.account), (SessionKind::Plan(plan), chain.address("alice")));
    let direct = chain.direct_session("alice", &node);
    assert_eq!(sessions.get(direct).await.unwrap().unwrap().kind, SessionKind::Direct);
    assert_eq!(sessions.get(direct + 1).await.unwrap(), None);

    assert!(sessions.is_live(direct).await.unwrap());
    chain.cancel("alice", direct);
    assert_eq!(events.recv().await, Some(SessionEvent::Cancelled(direct)));
    assert!(!sessions.is_live(direct).await.unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        // The other session reaches the same short timeout of this chain.
        while events.recv().await != Some(SessionEvent::Ended(direct)) {}
    });
    ended.await.unwrap();

    chain.halt();
    wait_until("the fault is noticed", || !sessions.health().is_up()).await;
    let start = Instant::now();
    assert!(sessions.get(direct + 1).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(3));
    chain.resume();
    wait_until("the hub is up again", || sessions.health().is_up()).await;
    assert_eq!(sessions.get(direct + 1).await.unwrap(), None);
    stop.cancel();
    running.await.unwrap();
}
