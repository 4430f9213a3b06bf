//! The hub client against the real hub program: `cargo test -p sentinel-proto --features hub`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod chain;

use std::time::{Duration, Instant};

use chain::{CHAIN, Chain};
use sentinel_proto::{
    address::{Node, Provider},
    hub::{EndpointFault, HubClient, HubConfig, HubError, Page, Session, SessionKind, SessionStatus},
};

fn client(chain: &Chain, chain_id: &str) -> HubClient {
    HubClient::new(HubConfig {
        grpc_addrs: vec![chain.grpc_addr()],
        chain_id: chain_id.to_owned(),
        timeout: Duration::from_secs(2),
    })
    .unwrap()
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn everything_that_is_asked_of_the_hub() {
    let mut chain = Chain::start(&["alice", "provider", "node"]);
    let hub = client(&chain, CHAIN);
    let height = until("the first block", async || hub.latest_height().await.ok()).await;
    let wrong = client(&chain, "another-chain").latest_height().await;
    let Err(HubError::Unavailable(failures)) = wrong else { panic!("{wrong:?}") };
    assert!(matches!(failures[0].cause, EndpointFault::WrongChain { .. }), "{failures:?}");

    let node = chain.address("node").in_role::<Node>();
    let provider = chain.address("provider").in_role::<Provider>();
    assert_eq!(hub.node(&node).await.unwrap(), None);
    assert_eq!(hub.provider(&provider).await.unwrap(), None);
    assert_eq!(hub.plan(1).await.unwrap(), None);
    assert_eq!(hub.subscription(1).await.unwrap(), None);
    assert_eq!(hub.session(1).await.unwrap(), None);
    assert!(hub.sessions_for_node(&node, Page { limit: 5, ..Page::default() }).await.unwrap().ids.is_empty());
    assert!(hub.nodes_for_plan(1).await.unwrap().is_empty());

    let (plan, subscription) = chain.prepare(&node);
    let found = hub.node(&node).await.unwrap().unwrap();
    assert_eq!((found.status, found.remote_addrs), (1, vec!["127.0.0.1:1".to_owned()]));
    assert_eq!(hub.provider(&provider).await.unwrap().unwrap().name, "name");
    assert_eq!(hub.plan(plan).await.unwrap().unwrap().prov_address, provider.to_string());
    assert_eq!(hub.subscription(subscription).await.unwrap().unwrap().plan_id, plan);
    assert_eq!(hub.nodes_for_plan(plan).await.unwrap()[0].address, node.to_string());
    assert_eq!(hub.leases_for_provider(&provider).await.unwrap()[0].node_address, node.to_string());

    let (by_plan, direct) =
        (chain.session_by_plan("alice", subscription, &node), chain.direct_session("alice", &node));
    let alice = chain.address("alice");
    let expect = |id, kind| Session { id, account: alice, node, kind, status: SessionStatus::Active };
    let (by_plan_now, direct_now) =
        (expect(by_plan, SessionKind::Plan(plan)), expect(direct, SessionKind::Direct));
    assert_eq!(hub.session(by_plan).await.unwrap(), Some(by_plan_now));
    assert_eq!(hub.session(direct).await.unwrap(), Some(direct_now));
    let page = Page { limit: 1, newest_first: true, ..Page::default() };
    let first = hub.sessions_for_node(&node, page.clone()).await.unwrap();
    assert_eq!(first.sessions, [direct_now]);
    assert!(first.height.unwrap() > height);
    let second = hub.sessions_for_node(&node, Page { key: first.next.unwrap(), ..page }).await.unwrap();
    assert_eq!((second.sessions, second.next), (vec![by_plan_now], None));

    chain.cancel("alice", direct);
    assert_eq!(hub.session(direct).await.unwrap().unwrap().status, SessionStatus::InactivePending);
    until("the end of the session", async || hub.session(direct).await.unwrap().is_none().then_some(()))
        .await;

    chain.halt();
    assert!(hub.session(by_plan).await.is_err());
    chain.resume();
    until("the hub's return", async || hub.session(by_plan).await.ok()).await;
}
