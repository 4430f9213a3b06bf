//! Which endpoint is asked, and whose answer counts.

use sentinel_proto::hub::{EndpointFault, SessionKind};
use tonic::Code;

use super::*;

#[tokio::test]
async fn fails_over_to_the_next_endpoint() {
    let second = stub();
    let hub = client(&[nobody(), second.addr()]);
    for _ in 0..20 {
        assert_eq!(hub.latest_height().await.unwrap(), 1);
    }
    assert_eq!(second.state().count("GetNodeInfo"), 1);
}

#[tokio::test]
async fn prefers_first_endpoint_after_recovery() {
    let (first, second) = (stub(), stub());
    second.state().height = 2;
    let hub = client(&[first.addr(), second.addr()]);
    first.state().error = Some(Code::Unavailable);
    assert_eq!(hub.latest_height().await.unwrap(), 2);
    first.state().error = None;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hub.latest_height().await.unwrap(), 1);
}

#[tokio::test]
async fn slow_endpoint_delays_only_the_first_request() {
    let (slow, good) = (stub(), stub());
    slow.state().delay = Duration::from_secs(20);
    good.state().put(3, ACCOUNT, NODE, SessionKind::Plan(1));
    let hub = client(&[slow.addr(), good.addr()]);
    let start = Instant::now();
    assert!(hub.session(3).await.unwrap().is_some());
    assert!(start.elapsed() < TIMEOUT, "{:?}", start.elapsed());
    let start = Instant::now();
    assert!(hub.session(3).await.unwrap().is_some());
    assert!(start.elapsed() < TIMEOUT / 4, "{:?}", start.elapsed());
}

#[tokio::test]
async fn rejects_endpoint_on_another_chain() {
    let foreign = StubHub::start(State::new("chain-2")).unwrap();
    foreign.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    let hub = client(&[foreign.addr()]);
    let expected = EndpointFault::WrongChain { expected: CHAIN.to_owned(), got: "chain-2".to_owned() };
    assert_eq!(causes(hub.session(3).await), [expected]);
    assert_eq!(foreign.state().count("QuerySession"), 0);
    let good = stub();
    let hub = client(&[foreign.addr(), good.addr()]);
    assert_eq!(hub.session(3).await.unwrap(), None);
}

#[tokio::test]
async fn detects_chain_change_at_the_same_address() {
    let first = stub();
    let addr = first.addr();
    let hub = client(&[addr]);
    assert_eq!(hub.session(3).await.unwrap(), None);
    first.stop().await;
    let foreign = StubHub::start_at(addr, State::new("chain-2")).unwrap();
    foreign.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    for _ in 0..10 {
        let answer = hub.session(3).await;
        assert!(answer.is_err(), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(foreign.state().count("GetNodeInfo") > 0);
    foreign.stop().await;
    let back = StubHub::start_at(addr, State::new(CHAIN)).unwrap();
    until_answered(&hub).await;
    assert!(back.state().count("GetNodeInfo") > 0);
}

#[tokio::test]
async fn rejects_syncing_endpoint() {
    let (syncing, good) = (stub(), stub());
    syncing.state().syncing = true;
    good.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    assert_eq!(causes(client(&[syncing.addr()]).session(3).await), [EndpointFault::Syncing]);
    let hub = client(&[syncing.addr(), good.addr()]);
    assert!(hub.session(3).await.unwrap().is_some());
    // Also one that begins later.
    good.state().syncing = true;
    assert!(hub.latest_height().await.is_err());
}

#[tokio::test]
async fn rejects_endpoint_far_behind() {
    let (behind, good) = (stub(), stub());
    good.state().height = 100;
    good.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    let hub = client(&[behind.addr(), good.addr()]);
    let states = hub.endpoints().await;
    assert_eq!(states.len(), 2);
    assert_eq!(states[1].state, Ok(100));
    // It does not know the session yet, so its "not there" would be wrong.
    assert!(hub.session(3).await.unwrap().is_some());
    behind.state().height = 96;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(hub.session(3).await.unwrap(), None);
}

#[tokio::test]
async fn errors_name_endpoint_and_fault() {
    let stub = stub();
    stub.state().error = Some(Code::Internal);
    let (dead, hub) = (nobody(), client(&[nobody(), stub.addr()]));
    let text = hub.session(3).await.unwrap_err().to_string();
    assert!(text.contains(&stub.addr().to_string()) && text.contains("as told"), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    let secretive = client(&[dead]).session(3).await.unwrap_err().to_string();
    assert!(secretive.contains(&dead.to_string()), "{secretive}");
}

#[tokio::test]
async fn invented_height_does_not_exclude_other_endpoints() {
    let (liar, good) = (stub(), stub());
    liar.state().height = 1_000_000_000;
    good.state().height = 100;
    good.state().put(3, ACCOUNT, NODE, SessionKind::Direct);
    let hub = client(&[liar.addr(), good.addr()]);
    // Nothing is known yet, so it is believed.
    assert_eq!(hub.session(3).await.unwrap(), None);
    liar.state().error = Some(Code::Unavailable);
    until_found(&hub, &good).await;
    // Once the chain is known, it is not.
    let hub = client(&[good.addr(), liar.addr()]);
    until_found(&hub, &good).await;
    good.state().height += 1;
    assert!(hub.session(3).await.unwrap().is_some());
    liar.state().error = None;
    good.state().error = Some(Code::Unavailable);
    let problem = causes(hub.session(3).await);
    assert!(
        matches!(&problem[1], EndpointFault::Answer(words) if words.contains("1000000000")),
        "{problem:?}"
    );
}

#[tokio::test]
async fn rejects_implausible_height_jump() {
    let stub = stub();
    let hub = client(&[stub.addr()]);
    stub.state().height = 100;
    assert_eq!(hub.latest_height().await.unwrap(), 100);
    stub.state().height = 1_000_000_000;
    assert!(matches!(causes(hub.latest_height().await)[..], [EndpointFault::Answer(_)]));
    stub.state().height = 900;
    assert_eq!(hub.latest_height().await.unwrap(), 900);
}

#[tokio::test]
async fn rejects_stalled_endpoint_far_behind() {
    let (still, good) = (stub(), stub());
    still.state().height = 100;
    good.state().height = 90_000;
    let hub = client(&[still.addr(), good.addr()]);
    hub.endpoints().await;
    good.state().height += 1;
    hub.endpoints().await;
    assert_eq!(hub.latest_height().await.unwrap(), 90_001);
}

/// Asks while blocks come, until the session is found.
async fn until_found(hub: &HubClient, good: &StubHub) {
    let start = Instant::now();
    while !matches!(hub.session(3).await, Ok(Some(_))) {
        assert!(start.elapsed() < Duration::from_secs(10), "shut out");
        good.state().height += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
