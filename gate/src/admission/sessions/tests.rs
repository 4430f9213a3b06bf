//! Following a stub of the hub.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::hub::{HubConfig, SessionKind};
use sentinel_proto::stub::{State, StubHub};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

const CHAIN: &str = "chain-1";
const ACCOUNT: AccountAddress = AccountAddress::new([1; 20]);
const NODE: NodeAddress = NodeAddress::new([2; 20]);
const EVENT_TIMEOUT: Duration = Duration::from_secs(8);

struct FollowedHub {
    sessions: Arc<Sessions>,
    events: mpsc::Receiver<SessionEvent>,
    _stop: DropGuard,
}

fn sessions(addr: SocketAddr) -> Arc<Sessions> {
    let config = HubConfig {
        grpc_addrs: vec![addr.to_string()],
        chain_id: CHAIN.to_owned(),
        timeout: Duration::from_millis(500),
    };
    Arc::new(Sessions::new(HubClient::new(config).unwrap()))
}

fn follow(
    sessions: Arc<Sessions>,
    node: impl Fn() -> Option<NodeAddress> + Send + Sync + 'static,
) -> FollowedHub {
    let (sender, events) = mpsc::channel(16);
    let stop = CancellationToken::new();
    tokio::spawn(Follower::new(Arc::clone(&sessions), node, sender).run(stop.clone()));
    FollowedHub { sessions, events, _stop: stop.drop_guard() }
}

fn stub() -> StubHub {
    StubHub::start(State::new(CHAIN)).unwrap()
}

fn put(stub: &StubHub, id: u64, kind: SessionKind) {
    let mut state = stub.state();
    state.put(id, ACCOUNT, NODE, kind);
    state.height += 1;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < EVENT_TIMEOUT, "{what}: not within {EVENT_TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl FollowedHub {
    async fn event(&mut self) -> SessionEvent {
        tokio::time::timeout(EVENT_TIMEOUT, self.events.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn indexed_session_needs_no_query() {
    let stub = stub();
    put(&stub, 3, SessionKind::Direct);
    let followed = follow(sessions(stub.addr()), || Some(NODE));
    until("the first list", || followed.sessions.count() == 1).await;
    put(&stub, 4, SessionKind::Plan(7));
    until("the new session", || followed.sessions.count() == 2).await;
    let before = stub.state().request_counts.clone();
    let session = followed.sessions.get(4).await.unwrap().unwrap();
    assert_eq!((session.kind, session.account, session.node), (SessionKind::Plan(7), ACCOUNT, NODE));
    let after = stub.state().request_counts.clone();
    assert_eq!((before.get("QuerySession"), after.get("QuerySession")), (None, None));
    assert!(followed.sessions.health().is_up());
}

#[tokio::test]
async fn polls_quiet_hub_rarely() {
    let stub = stub();
    let followed = follow(sessions(stub.addr()), || Some(NODE));
    until("the hub is up", || followed.sessions.health().is_up()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stub.state().count("QuerySessionsForNode"), 1);
    let looks = stub.state().count("GetSyncing");
    assert!(looks < 20, "{looks}");
}

#[tokio::test]
async fn publishes_ends_and_cancellations() {
    let stub = stub();
    for id in 1..=3 {
        put(&stub, id, SessionKind::Direct);
    }
    let sessions = sessions(stub.addr());
    // From before a restart: 2 is still there, 99 is not.
    sessions.expect([2, 99]);
    let mut followed = follow(sessions, || Some(NODE));
    assert_eq!(followed.event().await, SessionEvent::Ended(99));
    stub.state().cancel(2, ACCOUNT, NODE, SessionKind::Direct);
    stub.state().height += 1;
    assert_eq!(followed.event().await, SessionEvent::Cancelled(2));
    assert!(!followed.sessions.is_live(2).await.unwrap());
    assert!(followed.sessions.is_live(3).await.unwrap());
    stub.state().sessions.remove(&2);
    stub.state().height += 1;
    assert_eq!(followed.event().await, SessionEvent::Ended(2));
    assert_eq!(followed.sessions.get(2).await.unwrap(), None);
    assert!(!followed.sessions.is_live(2).await.unwrap());
}

#[tokio::test]
async fn lists_many_sessions_page_by_page() {
    let stub = stub();
    stub.state().max_page_entries = 40;
    for id in 1..=130 {
        put(&stub, id, SessionKind::Direct);
    }
    let followed = follow(sessions(stub.addr()), || Some(NODE));
    until("all pages", || followed.sessions.count() == 130).await;
    for id in 131..=230 {
        stub.state().put(id, ACCOUNT, NODE, SessionKind::Direct);
    }
    stub.state().height += 1;
    until("all new ones", || followed.sessions.count() == 230).await;
    // Four pages at first; then only as many as it takes to reach what is known.
    assert_eq!(stub.state().count("QuerySessionsForNode"), 4 + 3);
}

#[tokio::test]
async fn shares_concurrent_queries_and_caches_no_absence() {
    let stub = stub();
    stub.state().put(3, ACCOUNT, NodeAddress::new([9; 20]), SessionKind::Plan(1));
    stub.state().delay = Duration::from_millis(50);
    let sessions = sessions(stub.addr());
    let asked = futures::future::join_all((0..50).map(|_| sessions.get(3))).await;
    assert!(asked.into_iter().all(|answer| answer.unwrap().unwrap().kind == SessionKind::Plan(1)));
    assert_eq!(stub.state().count("QuerySession"), 1);
    assert_eq!(sessions.get(4).await.unwrap(), None);
    stub.state().put(4, ACCOUNT, NODE, SessionKind::Direct);
    assert!(sessions.get(4).await.unwrap().is_some());
}

#[tokio::test]
async fn caches_no_errors_and_serves_indexed_sessions_without_hub() {
    let stub = stub();
    put(&stub, 3, SessionKind::Direct);
    let followed = follow(sessions(stub.addr()), || Some(NODE));
    until("the first list", || followed.sessions.count() == 1).await;
    stub.state().fail();
    until("the fault is noticed", || !followed.sessions.health().is_up()).await;
    let down = followed.sessions.health();
    assert!(down.down.unwrap().contains(&stub.addr().to_string()));
    assert!(followed.sessions.get(3).await.unwrap().is_some());
    let start = Instant::now();
    assert!(followed.sessions.get(4).await.is_err());
    assert!(start.elapsed() < Duration::from_secs(1));
    stub.state().recover();
    put(&stub, 4, SessionKind::Direct);
    until("recovery", || followed.sessions.count() == 2).await;
    until("health", || followed.sessions.health().is_up()).await;
}

#[tokio::test]
async fn follows_node_announced_later_or_changed() {
    let stub = stub();
    put(&stub, 3, SessionKind::Direct);
    let node = Arc::new(Mutex::new(None));
    let told = Arc::clone(&node);
    let followed = follow(sessions(stub.addr()), move || *told.lock().unwrap());
    until("the hub is up", || followed.sessions.health().is_up()).await;
    assert_eq!(followed.sessions.count(), 0);
    assert!(followed.sessions.get(3).await.unwrap().is_some());
    *node.lock().unwrap() = Some(NODE);
    until("the list", || followed.sessions.count() == 1).await;
    let other = NodeAddress::new([5; 20]);
    stub.state().put(4, ACCOUNT, other, SessionKind::Direct);
    stub.state().height += 1;
    *node.lock().unwrap() = Some(other);
    until("the other node's list", || followed.sessions.index().get(4).is_some()).await;
}

#[tokio::test]
async fn connects_to_hub_that_starts_later() {
    let first = stub();
    let addr = first.addr();
    first.stop().await;
    let followed = follow(sessions(addr), || Some(NODE));
    until("the fault is told", || followed.sessions.health().down.is_some_and(|why| why.contains("refused")))
        .await;
    let stub = StubHub::start_at(addr, State::new(CHAIN)).unwrap();
    put(&stub, 3, SessionKind::Direct);
    until("the list", || followed.sessions.count() == 1).await;
}
