//! The gate ends between the node's answer and its own record.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::hub::SessionKind;
use sovereign_gate::store::{EvictionCause, SessionRecord, SessionState};

use crate::fixture::{Fixture, GIVEN, OTHER, now};

#[tokio::test(flavor = "multi_thread")]
async fn resolves_unanswered_handshakes_after_restart() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (_, whole) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (wallet, stays) = fixture.forward_handshake(&gate).await;
    let (seller, sold) = fixture.forward_handshake(&gate).await;
    let (_, ended) = fixture.forward_handshake(&gate).await;
    let (_, never) = fixture.forward_handshake(&gate).await;
    fixture.wait_for_events(&gate).await;
    gate.end().await;
    fixture.transfer(seller, fixture.new_wallet(), OTHER).await;
    fixture.remove_from_hub(ended);
    fixture.tunnel.peers().remove(&format!("peer {never}"));

    let gate = fixture.gate().await;
    fixture.wait_until_live(&gate, stays).await;
    assert_eq!(fixture.wait_until_evicted(&gate, sold).await, Some(EvictionCause::NoCard));
    fixture.wait_until("who has no session is out", || !fixture.passes(ended)).await;
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(whole) && fixture.passes(stays));
    assert_eq!(gate.store.sessions().in_device_slots(wallet), [stays], "one place");
    assert_eq!(gate.store.sessions().get(ended), None);
    assert_eq!(gate.store.sessions().get(never), None, "nobody knows that it ever was one");
    assert_eq!(
        gate.store.sessions().using_peer("wireguard", &format!("peer {never}")),
        Some(never),
        "it may yet come"
    );
    // The same handshake gets the answer that the node must have given.
    let answer = gate.store.sessions().answer(stays).await.unwrap().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let data = STANDARD.decode(answer["result"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, format!(r#"{{"addrs":["{GIVEN}"],"metadata":[{{"port":1}}]}}"#).into_bytes());
    gate.end().await;

    // Settled once and for all: the next start finds sessions.
    let gate = fixture.gate().await;
    fixture.wait_until_live(&gate, stays).await;
    assert_eq!(gate.store.sessions().get(sold).unwrap().state, SessionState::Evicted);
    let open: Vec<_> =
        gate.store.intents().unresolved().iter().map(|intent| intent.record.session_id).collect();
    assert_eq!(open, [never]);
    gate.end().await;
}

/// A service that does not name who is in it is asked for whom the gate misses.
#[tokio::test(flavor = "multi_thread")]
async fn queries_unlisted_peers_of_unanswered_handshakes() {
    let fixture = Fixture::build().await;
    fixture.tunnel.reserved.store(true, Ordering::SeqCst);
    let gate = fixture.gate().await;
    let (_, whole) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, stays) = fixture.forward_handshake(&gate).await;
    let (_, never) = fixture.forward_handshake(&gate).await;
    fixture.wait_for_events(&gate).await;
    gate.end().await;
    fixture.tunnel.peers().remove(&format!("peer {never}"));
    let gate = fixture.gate().await;
    fixture.wait_until_live(&gate, stays).await;
    assert!(gate.store.sessions().answer(stays).await.unwrap().is_some_and(|answer| !answer.is_empty()));
    assert_eq!(gate.store.sessions().get(never), None);
    assert!(fixture.passes(whole));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evicts_unanswered_handshake_without_answer_or_in_lockdown() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (_, first) = fixture.forward_handshake(&gate).await;
    fixture.wait_for_events(&gate).await;
    gate.end().await;
    let gate = fixture.gate().await;
    assert_eq!(
        fixture.wait_until_evicted(&gate, first).await,
        Some(EvictionCause::Lost),
        "nobody can tell its client anything"
    );
    let (_, other) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, second) = fixture.forward_handshake(&gate).await;
    fixture.wait_for_events(&gate).await;
    gate.enforcer.operator_actions().lock_down("intruder").await.unwrap();
    assert!(!fixture.passes(other));
    gate.end().await;
    let gate = fixture.gate().await;
    assert_eq!(fixture.wait_until_evicted(&gate, second).await, Some(EvictionCause::Lockdown));
    gate.enforcer.operator_actions().pause(false, "it is over").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!fixture.passes(second), "only the same handshake brings it back");
    gate.end().await;
}

/// A service that names nobody, and was started anew: its peers are gone, and no longer anybody's devices.
#[tokio::test(flavor = "multi_thread")]
async fn marks_sessions_from_before_service_restart_lost() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let mut sessions = Vec::new();
    for age in [600, 0] {
        let (wallet, account) = (fixture.holder(&[OTHER]).await, fixture.account());
        fixture.bind(&gate, account, wallet, 24 * 3600).await;
        let record = fixture.peer_record(&gate, account, (wallet, None), ("paid", SessionKind::Direct));
        let admitted_at = now().cast_signed() - age;
        let record = SessionRecord { service: "v2ray".to_owned(), admitted_at, ..record };
        gate.store.sessions().record(record.clone(), vec![]).await.unwrap();
        sessions.push(record.session_id);
    }
    fixture.wait_for_events(&gate).await;
    fixture.tunnel.reserved.store(true, Ordering::SeqCst);
    // A start of the gate alone: the service has been there for longer than anybody.
    gate.end().await;
    *fixture.tunnel.anew.lock().unwrap() = Some(Duration::from_secs(3600));
    let gate = fixture.gate().await;
    fixture.wait_until("the service was asked", || fixture.tunnel.anew.lock().unwrap().is_none()).await;
    fixture.wait_for_events(&gate).await;
    assert!(sessions.iter().all(|session| fixture.passes(*session)));
    // The service was started while the gate was down.
    gate.end().await;
    *fixture.tunnel.anew.lock().unwrap() = Some(Duration::from_secs(60));
    let gate = fixture.gate().await;
    assert_eq!(fixture.wait_until_evicted(&gate, sessions[0]).await, Some(EvictionCause::Lost));
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(sessions[1]), "it came after the start");
    gate.end().await;
}
