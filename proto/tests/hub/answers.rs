//! What a good endpoint says.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Any;
use sentinel_proto::hub::{EndpointFault, HubError, Page, SessionKind, SessionStatus, Simulation};
use sentinel_proto::tx::SignedTransaction;

use super::*;

#[tokio::test]
async fn reads_direct_plan_and_missing_sessions() {
    let stub = stub();
    stub.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    stub.state().put(4, ACCOUNT, NODE, SessionKind::Plan(7));
    let hub = client(&[stub.addr()]);
    let direct = hub.session(3).await.unwrap().unwrap();
    assert_eq!((direct.id, direct.account, direct.node), (3, ACCOUNT, NODE));
    assert_eq!((direct.kind, direct.status), (SessionKind::Direct, SessionStatus::Active));
    for _ in 0..3 {
        assert_eq!(hub.session(4).await.unwrap().unwrap().kind, SessionKind::Plan(7));
    }
    // The plan of a subscription never changes.
    assert_eq!(stub.state().count("QuerySubscription"), 1);
    assert_eq!(hub.session(5).await.unwrap(), None);
    stub.state().cancel(3, ACCOUNT, NODE, SessionKind::Direct);
    assert_eq!(hub.session(3).await.unwrap().unwrap().status, SessionStatus::InactivePending);
    // The chain was asked for once.
    assert_eq!(stub.state().count("GetNodeInfo"), 1);
}

#[tokio::test]
async fn answers_report_their_height() {
    let stub = stub();
    stub.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    stub.state().height = 44;
    let hub = client(&[stub.addr()]);
    assert_eq!(hub.latest_height().await.unwrap(), 44);
    assert_eq!(hub.session_at_height(3).await.unwrap().height, Some(44));
    let absent = hub.session_at_height(4).await.unwrap();
    assert_eq!((absent.value, absent.height), (None, Some(44)));
    assert_eq!(stub.state().count("GetLatestBlock"), 0);
    stub.state().reports_height = false;
    assert_eq!(hub.session_at_height(3).await.unwrap().height, None);
    assert_eq!(hub.latest_height().await.unwrap(), 44);
    assert_eq!(stub.state().count("GetLatestBlock"), 1);
}

#[tokio::test]
async fn reads_sessions_of_a_node_in_pages() {
    let stub = stub();
    for id in 1..=25 {
        let kind = if id % 2 == 0 { SessionKind::Plan(id) } else { SessionKind::Direct };
        stub.state().put(id, ACCOUNT, NODE, kind);
    }
    stub.state().put(30, ACCOUNT, NodeAddress::new([9; 20]), SessionKind::Direct);
    let later = Any { type_url: "/sentinel.later.v1.Session".to_owned(), ..Any::default() };
    stub.state().sessions.insert(31, later);
    let hub = client(&[stub.addr()]);
    let mut page = Page { limit: 10, newest_first: true, ..Page::default() };
    let mut ids = Vec::new();
    loop {
        let answer = hub.sessions_for_node(&NODE, page.clone()).await.unwrap();
        assert_eq!(answer.ids, answer.sessions.iter().map(|session| session.id).collect::<Vec<_>>());
        ids.extend(answer.ids);
        let Some(next) = answer.next else { break };
        page.key = next;
    }
    assert_eq!(ids, (1..=25).rev().collect::<Vec<_>>());
    assert_eq!(stub.state().count("QuerySessionsForNode"), 3);
    assert_eq!(stub.state().count("QuerySubscription"), 12);
}

#[tokio::test]
async fn rejects_invalid_answers() {
    let stub = stub();
    stub.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    let hub = client(&[stub.addr()]);
    let other = stub.state().sessions.get(&3).cloned();
    stub.state().session_override = other;
    assert!(matches!(causes(hub.session(4).await)[..], [EndpointFault::Answer(_)]));
    let unknown = Any { type_url: "/x.Session".to_owned(), value: vec![] };
    stub.state().session_override = Some(unknown);
    assert!(matches!(causes(hub.session(4).await)[..], [EndpointFault::Answer(_)]));
    stub.state().session_override =
        Some(Any { value: vec![0xff; 20], type_url: "/sentinel.node.v3.Session".into() });
    assert!(matches!(causes(hub.session(4).await)[..], [EndpointFault::Answer(_)]));
    // Senseless answers to one question do not rest the endpoint.
    stub.state().session_override = None;
    assert!(hub.session(3).await.unwrap().is_some());
}

#[tokio::test]
async fn rejects_oversized_answers() {
    let stub = stub();
    let huge = Any { value: vec![0; 6 << 20], type_url: "/sentinel.node.v3.Session".into() };
    stub.state().session_override = Some(huge);
    let hub = client(&[stub.addr()]);
    let problem = hub.session(4).await.unwrap_err().to_string();
    assert!(problem.contains("message length too large"), "{problem}");
}

#[tokio::test]
async fn rejects_session_without_its_subscription() {
    let stub = stub();
    stub.state().put(4, ACCOUNT, NODE, SessionKind::Plan(7));
    stub.state().put(5, ACCOUNT, NODE, SessionKind::Direct);
    stub.state().subscriptions.clear();
    let hub = client(&[stub.addr()]);
    assert!(matches!(hub.session(4).await, Err(HubError::Inconsistent(_))));
    let page = hub.sessions_for_node(&NODE, Page { limit: 9, ..Page::default() }).await.unwrap();
    assert_eq!((page.sessions.len(), page.ids), (1, vec![4, 5]));
}

#[tokio::test]
async fn rejects_block_time_that_is_missing_or_in_the_future() {
    let (none, good) = (stub(), stub());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    good.state().time = Some(now - 100);
    let hub = client(&[none.addr()]);
    for senseless in [None, Some(0), Some(-5), Some(now + 3600)] {
        none.state().time = senseless;
        assert!(matches!(causes(hub.latest_block().await)[..], [EndpointFault::Answer(_)]), "{senseless:?}");
        let (_, time) = client(&[none.addr(), good.addr()]).latest_block().await.unwrap();
        assert_eq!(time, UNIX_EPOCH + Duration::from_secs(u64::try_from(now - 100).unwrap()));
    }
    none.state().time = Some(now + 30);
    hub.latest_block().await.unwrap();
}

#[tokio::test]
async fn rejects_simulated_gas_over_the_maximum() {
    let (liar, good) = (stub(), stub());
    liar.state().simulated = Ok(u64::MAX / 2);
    good.state().simulated = Ok(70_000);
    let transaction = SignedTransaction::from_bytes(vec![1]);
    let simulated = |hub: HubClient| async move { hub.simulate(&transaction, 100_000).await };
    assert_eq!(simulated(client(&[liar.addr(), good.addr()])).await.unwrap(), Simulation::Gas(70_000));
}
