//! The gate ends between the node's answer and its own record.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::hub::SessionKind;
use sovereign_gate::store::{Cause, SessionRecord, SessionState};

use crate::house::{GIVEN, House, OTHER, now};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_half_way_in_is_a_session_or_out_after_a_restart() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (_, whole) = house.guest(&gate, &[OTHER]).await;
    let (wallet, stays) = house.half_way(&gate).await;
    let (seller, sold) = house.half_way(&gate).await;
    let (_, ended) = house.half_way(&gate).await;
    let (_, never) = house.half_way(&gate).await;
    house.settled(&gate).await;
    gate.end().await;
    house.transfer(seller, house.somebody(), OTHER).await;
    house.leaves_the_hub(ended);
    house.tunnel.peers().remove(&format!("peer {never}"));

    let gate = house.gate().await;
    house.is_in(&gate, stays).await;
    assert_eq!(house.out(&gate, sold).await, Some(Cause::NoCard));
    house.until("who has no session is out", || !house.passes(ended)).await;
    house.settled(&gate).await;
    assert!(house.passes(whole) && house.passes(stays));
    assert_eq!(gate.store.places_of(wallet), [stays], "one place");
    assert_eq!(gate.store.session(ended), None);
    assert_eq!(gate.store.session(never), None, "nobody knows that it ever was one");
    assert_eq!(gate.store.peer_in_use("wireguard", &format!("peer {never}")), Some(never), "it may yet come");
    // The same handshake gets the answer that the node must have given.
    let answer = gate.store.session_answer(stays).await.unwrap().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let data = STANDARD.decode(answer["result"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, format!(r#"{{"addrs":["{GIVEN}"],"metadata":[{{"port":1}}]}}"#).into_bytes());
    gate.end().await;

    // Settled once and for all: the next start finds sessions.
    let gate = house.gate().await;
    house.is_in(&gate, stays).await;
    assert_eq!(gate.store.session(sold).unwrap().state, SessionState::Evicted);
    let open: Vec<_> = gate.store.open_intents().iter().map(|intent| intent.record.session_id).collect();
    assert_eq!(open, [never]);
    gate.end().await;
}

/// A service that does not name who is in it is asked for whom the gate misses.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_names_nobody_is_asked_for_whoever_was_half_way_in() {
    let house = House::build().await;
    house.tunnel.reserved.store(true, Ordering::SeqCst);
    let gate = house.gate().await;
    let (_, whole) = house.guest(&gate, &[OTHER]).await;
    let (_, stays) = house.half_way(&gate).await;
    let (_, never) = house.half_way(&gate).await;
    house.settled(&gate).await;
    gate.end().await;
    house.tunnel.peers().remove(&format!("peer {never}"));
    let gate = house.gate().await;
    house.is_in(&gate, stays).await;
    assert!(gate.store.session_answer(stays).await.unwrap().is_some_and(|answer| !answer.is_empty()));
    assert_eq!(gate.store.session(never), None);
    assert!(house.passes(whole));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_or_in_a_lockdown_it_goes() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (_, first) = house.half_way(&gate).await;
    house.settled(&gate).await;
    gate.end().await;
    let gate = house.gate().await;
    assert_eq!(house.out(&gate, first).await, Some(Cause::Lost), "nobody can tell its client anything");
    let (_, other) = house.guest(&gate, &[OTHER]).await;
    let (_, second) = house.half_way(&gate).await;
    house.settled(&gate).await;
    gate.enforcer.lock_down("intruder").await.unwrap();
    assert!(!house.passes(other));
    gate.end().await;
    let gate = house.gate().await;
    assert_eq!(house.out(&gate, second).await, Some(Cause::Lockdown));
    gate.enforcer.pause(false, "it is over").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!house.passes(second), "only the same handshake brings it back");
    gate.end().await;
}

/// A service that names nobody, and was started anew: its peers are gone, and no longer anybody's devices.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_in_a_service_that_was_started_anew_is_lost() {
    let house = House::build().await;
    let gate = house.gate().await;
    let mut sessions = Vec::new();
    for age in [600, 0] {
        let (wallet, account) = (house.holder(&[OTHER]).await, house.account());
        house.bind(&gate, account, wallet, 24 * 3600).await;
        let record = house.taken_in(&gate, account, (wallet, None), ("paid", SessionKind::Direct));
        let admitted_at = now().cast_signed() - age;
        let record = SessionRecord { service: "v2ray".to_owned(), admitted_at, ..record };
        gate.store.record_session(record.clone(), vec![]).await.unwrap();
        sessions.push(record.session_id);
    }
    house.settled(&gate).await;
    house.tunnel.reserved.store(true, Ordering::SeqCst);
    // A start of the gate alone: the service has been there for longer than anybody.
    gate.end().await;
    *house.tunnel.anew.lock().unwrap() = Some(Duration::from_secs(3600));
    let gate = house.gate().await;
    house.until("the service was asked", || house.tunnel.anew.lock().unwrap().is_none()).await;
    house.settled(&gate).await;
    assert!(sessions.iter().all(|session| house.passes(*session)));
    // The service was started while the gate was down.
    gate.end().await;
    *house.tunnel.anew.lock().unwrap() = Some(Duration::from_secs(60));
    let gate = house.gate().await;
    assert_eq!(house.out(&gate, sessions[0]).await, Some(Cause::Lost));
    house.settled(&gate).await;
    assert!(house.passes(sessions[1]), "it came after the start");
    gate.end().await;
}
