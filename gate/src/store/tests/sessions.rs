//! Sessions, tunnel keys and device counts.

use super::*;
use crate::store::{ClaimError, HolderLimits, SessionClaim, SessionRecord, SessionState};

pub(crate) fn session(session_id: u64, signer: u8, vault: Option<u8>) -> SessionRecord {
    SessionRecord {
        session_id,
        account: account(signer),
        wallet: Some(wallet(signer)),
        vault: vault.map(wallet),
        via: Some("own".to_owned()),
        collection: Some(wallet(99)),
        card: Some("0x33fd…/7".to_owned()),
        tier: "free".to_owned(),
        plan: Some(u64::MAX),
        service: "wireguard".to_owned(),
        peer_id: format!("key {session_id}"),
        addresses: vec!["10.8.0.2/32".to_owned(), "fd00::2/128".to_owned()],
        handshake_hash: [signer; 32],
        slot_holder: Some(vault.map_or_else(|| wallet(signer), wallet)),
        admitted_at: NOW,
        decision_block: u64::MAX,
        expires_at: NOW + DAY,
        state: SessionState::Live,
        cause: None,
        evicted_at: None,
        signed_in_after: None,
        own_key: None,
    }
}

pub(crate) fn claim(record: &SessionRecord, devices: usize) -> SessionClaim {
    SessionClaim {
        session_id: record.session_id,
        holder: record.holder(),
        tier: record.tier.clone(),
        service: record.service.clone(),
        peer_id: record.peer_id.clone(),
        limits: Some(HolderLimits { devices, peer_slots: devices + 3, admissions_per_hour: None }),
    }
}

#[tokio::test]
async fn session_survives_restart_until_end() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (first, last) = (session(7, 1, Some(2)), session(u64::MAX, 3, None));
    let probe = SessionRecord { wallet: None, card: None, addresses: vec![], ..session(8, 4, None) };
    for (record, answer) in [(&first, "one"), (&last, "two"), (&probe, "")] {
        store.sessions().record(record.clone(), answer.into()).await.unwrap();
    }
    store.sessions().set_state(7, SessionState::Evicted).await.unwrap();
    store.close().await;

    let store = open(home.path()).await;
    let first = SessionRecord { state: SessionState::Evicted, evicted_at: Some(NOW), ..first };
    let all: Vec<_> = store.sessions().list().iter().map(|record| (**record).clone()).collect();
    assert_eq!(all, [first, probe, last]);
    assert_eq!(store.sessions().answer(u64::MAX).await.unwrap().unwrap(), b"two");
    assert_eq!(store.sessions().using_peer("wireguard", "key 7"), Some(7), "an evicted key stays taken");
    assert!(store.sessions().in_device_slots(wallet(2)).is_empty(), "an evicted device does not count");
    store.sessions().end(7).await.unwrap();
    store.sessions().end(12345).await.unwrap();
    assert_eq!(store.sessions().using_peer("wireguard", "key 7"), None);
    assert_eq!((store.sessions().get(7), store.sessions().answer(7).await.unwrap()), (None, None));
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.sessions().list().len(), 2);
    store.close().await;
}

#[tokio::test]
async fn purges_ended_sessions_and_old_audit_entries() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for record in [session(1, 1, None), session(2, 1, None)] {
        store.sessions().record(record, vec![]).await.unwrap();
    }
    store.sessions().end(1).await.unwrap();
    store.audit().append("drop", "2", "abuse").await.unwrap();
    store.close().await;
    let kept = async |now| {
        let (store, _) = open_at(home.path(), now).await;
        let sessions = store.wallet_data().export(wallet(1)).await.unwrap().sessions;
        let deeds = store.audit().entries(9).await.unwrap().len();
        store.close().await;
        (sessions.iter().map(|session| session.session_id).collect::<Vec<_>>(), deeds)
    };
    assert_eq!(kept(NOW + DAY - 60).await, (vec![1, 2], 1));
    assert_eq!(kept(NOW + DAY).await, (vec![2], 1), "what lives on the hub stays");
    assert_eq!(kept(NOW + 90 * DAY).await, (vec![2], 0));
}

#[tokio::test]
async fn counts_device_slots_per_card_holder() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    // Two hot wallets of one vault, the vault itself, and another holder.
    for record in
        [session(1, 10, Some(9)), session(2, 11, Some(9)), session(3, 9, None), session(4, 20, None)]
    {
        store.sessions().record(record, vec![]).await.unwrap();
    }
    assert_eq!(store.sessions().in_device_slots(wallet(9)), [1, 2, 3]);
    assert!(
        store.sessions().in_device_slots(wallet(10)).is_empty(),
        "a hot wallet without a card holds nothing"
    );
    assert_eq!(store.sessions().in_device_slots(wallet(20)), [4]);
    // A stranger's delegation to one of the hot wallets joins nothing.
    store.sessions().record(session(7, 11, Some(30)), vec![]).await.unwrap();
    assert_eq!(
        (store.sessions().in_device_slots(wallet(9)), store.sessions().in_device_slots(wallet(30))),
        (vec![1, 2, 3], vec![7])
    );
    let one_more = session(5, 12, Some(9));
    let refused = store.sessions().claim(claim(&one_more, 3)).unwrap_err();
    let expected = ClaimError::DeviceLimit { sessions: vec![1, 2, 3], recorded: vec![1, 2, 3], limit: 3 };
    assert_eq!(refused, expected);
    drop(store.sessions().claim(claim(&session(6, 20, None), 3)).unwrap());
    store.sessions().set_state(2, SessionState::Evicted).await.unwrap();
    drop(store.sessions().claim(claim(&one_more, 3)).unwrap());
    store.close().await;
}

#[tokio::test]
async fn evicted_sessions_hold_peer_slots_until_removal() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for id in 1..=6 {
        store.sessions().record(session(id, 1, None), vec![]).await.unwrap();
        store.sessions().set_state(id, SessionState::Evicted).await.unwrap();
    }
    assert_eq!(
        (store.sessions().in_device_slots(wallet(1)), store.sessions().in_peer_slots(wallet(1)).len()),
        (vec![], 6)
    );
    let next = claim(&session(7, 1, None), 3);
    let full = ClaimError::SlotLimit { sessions: (1..=6).collect(), limit: 6 };
    assert_eq!(store.sessions().claim(next.clone()).unwrap_err(), full);
    drop(
        store
            .sessions()
            .claim(claim(&session(1, 1, None), 3))
            .expect("a session that comes back has its slot already"),
    );
    drop(store.sessions().claim(claim(&session(8, 2, None), 3)).expect("another holder"));
    store.sessions().release_peer_slot(3);
    assert!(!store.sessions().holds_peer_slot(3) && store.sessions().holds_peer_slot(1));
    assert_eq!(store.sessions().peer_slots_in_use(), 5);
    drop(store.sessions().claim(next.clone()).unwrap());
    // Not even a restart frees one.
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.sessions().claim(next).unwrap_err(), full);
    store.sessions().release_peer_slot(3);
    assert_eq!(store.sessions().in_peer_slots(wallet(1)).len(), 5, "the node has forgotten it");
    store.sessions().end(4).await.unwrap();
    assert_eq!(store.sessions().peer_slots_in_use(), 4);
    store.close().await;
}

/// A session that moves to another holder uses a device slot there; its peer slot counts where it was admitted.
#[tokio::test]
async fn moving_live_session_needs_no_further_peer_slot() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for id in 1..=6 {
        store.sessions().record(session(id, 1, None), vec![]).await.unwrap();
        store.sessions().set_state(id, SessionState::Evicted).await.unwrap();
    }
    store.sessions().record(session(7, 2, None), vec![]).await.unwrap();
    let moved = SessionRecord { wallet: Some(wallet(1)), ..session(7, 2, None) };
    let claimed = claim(&moved, 3);
    let limits = claimed.limits.map(|limits| HolderLimits { peer_slots: usize::MAX, ..limits });
    drop(store.sessions().claim(SessionClaim { limits, ..claimed }).expect("a place is free"));
    store.sessions().update(moved).await.unwrap();
    let of = |store: &Store, holder: u8| {
        (
            store.sessions().in_device_slots(wallet(holder)),
            store.sessions().in_peer_slots(wallet(holder)).into_iter().collect::<Vec<_>>(),
        )
    };
    assert_eq!(of(&store, 1), (vec![7], (1..=6).collect()));
    assert_eq!(of(&store, 2), (vec![], vec![7]));
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!((of(&store, 1), of(&store, 2)), ((vec![7], (1..=6).collect()), (vec![], vec![7])));
    // Its slot is free once it has left the hub, for whichever holder it is counted.
    store.sessions().end(7).await.unwrap();
    assert_eq!((of(&store, 1), of(&store, 2)), ((vec![], (1..=6).collect()), (vec![], vec![])));
    store.close().await;
}

#[tokio::test]
async fn bounds_new_sessions_of_holder_per_hour() {
    let home = tempfile::tempdir().unwrap();
    let (store, clock) = open_at(home.path(), NOW).await;
    let new = |id: u64, signer: u8| {
        let claim = claim(&session(id, signer, None), 99);
        let limits = claim.limits.map(|limits| HolderLimits { admissions_per_hour: Some(2), ..limits });
        SessionClaim { limits, ..claim }
    };
    store.sessions().record(session(1, 1, None), vec![]).await.unwrap();
    let pending = store.sessions().claim(new(2, 1)).unwrap();
    let refused = store.sessions().claim(new(3, 1)).unwrap_err();
    assert_eq!(refused, ClaimError::AdmissionLimit { limit: 2, retry_after: 3600 });
    drop(pending);
    drop(store.sessions().claim(new(3, 1)).unwrap());
    store.sessions().record(session(2, 1, None), vec![]).await.unwrap();
    store.sessions().end(1).await.unwrap();
    store.sessions().end(2).await.unwrap();
    clock.advance(600);
    assert_eq!(
        store.sessions().claim(new(3, 1)).unwrap_err(),
        ClaimError::AdmissionLimit { limit: 2, retry_after: 3000 }
    );
    drop(store.sessions().claim(new(4, 2)).expect("another holder"));
    store.close().await;
    let (store, clock) = open_at(home.path(), NOW + 600).await;
    assert!(store.sessions().claim(new(3, 1)).is_err(), "also after a restart");
    clock.advance(3000);
    drop(store.sessions().claim(new(3, 1)).unwrap());
    store.close().await;
}

/// Plans have different device limits: a session with a small limit keeps its slot beside others.
#[tokio::test]
async fn live_session_keeps_slot_and_newcomer_has_own_limit() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for id in 1..=4 {
        store.sessions().record(session(id, 1, None), vec![]).await.unwrap();
    }
    let others = |limit| ClaimError::DeviceLimit { sessions: vec![2, 3, 4], recorded: vec![2, 3, 4], limit };
    let repeat = claim(&session(1, 1, None), 2);
    drop(store.sessions().claim(repeat.clone()).unwrap());
    let newcomer = session(5, 1, None);
    assert!(matches!(
        store.sessions().claim(claim(&newcomer, 4)),
        Err(ClaimError::DeviceLimit { limit: 4, .. })
    ));
    drop(store.sessions().claim(claim(&newcomer, 5)).unwrap());
    // With another tier, or after an eviction, it claims a new slot.
    let other_tier = SessionClaim { tier: "paid".to_owned(), ..repeat.clone() };
    assert_eq!(store.sessions().claim(other_tier).unwrap_err(), others(2));
    store.sessions().set_state(1, SessionState::Evicted).await.unwrap();
    assert_eq!(store.sessions().claim(repeat).unwrap_err(), others(2));
    store.close().await;
}

#[tokio::test]
async fn claim_on_foreign_session_counts_for_claiming_holder() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for record in [session(1, 1, Some(2)), session(2, 1, Some(2)), session(4, 20, None)] {
        store.sessions().record(record, vec![]).await.unwrap();
    }
    let foreign = SessionRecord { peer_id: "key 9".into(), ..session(1, 20, None) };
    let held = store.sessions().claim(claim(&foreign, 9)).unwrap();
    assert_eq!(store.sessions().in_device_slots(wallet(2)), [1, 2]);
    assert_eq!(store.sessions().in_device_slots(wallet(20)), [1, 4]);
    let refused = store.sessions().claim(claim(&session(5, 20, None), 2)).unwrap_err();
    assert_eq!(refused, ClaimError::DeviceLimit { sessions: vec![1, 4], recorded: vec![4], limit: 2 });
    drop(store.sessions().claim(claim(&session(6, 1, Some(2)), 3)).unwrap());
    drop(held);
    assert_eq!(store.sessions().in_device_slots(wallet(20)), [4]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_device_slot_and_key_go_to_one_claim() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let tries = |make: fn(u64) -> (SessionRecord, usize)| {
        let held: Vec<_> =
            (1..=50).map(make).map(|(record, limit)| store.sessions().claim(claim(&record, limit))).collect();
        held.iter().filter(|claimed| claimed.is_ok()).count()
    };
    assert_eq!(tries(|n| (session(n, 1, None), 3)), 3, "three devices");
    assert_eq!(
        tries(|n| (SessionRecord { peer_id: "same".into(), ..session(n, 1, None) }, 99)),
        1,
        "one key"
    );
    // All were dropped: nothing is taken any more.
    assert_eq!(store.sessions().using_peer("wireguard", "same"), None);
    assert!(store.sessions().in_device_slots(wallet(1)).is_empty());
    store.close().await;
}

#[tokio::test]
async fn claim_becomes_session_or_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let record = session(1, 1, None);
    let reservation = store.sessions().claim(claim(&record, 1)).unwrap();
    assert_eq!(store.sessions().using_peer("wireguard", "key 1"), Some(1));
    store.sessions().record(record.clone(), vec![]).await.unwrap();
    drop(reservation);
    assert_eq!(store.sessions().using_peer("wireguard", "key 1"), Some(1));
    assert_eq!(store.sessions().in_device_slots(wallet(1)), [1]);

    // The same session again, with another key, which the node then refuses.
    let other = SessionRecord { peer_id: "key 2".into(), ..record.clone() };
    let reservation = store.sessions().claim(claim(&other, 1)).unwrap();
    let thief = SessionRecord { session_id: 2, ..other };
    assert_eq!(
        store.sessions().claim(claim(&thief, 9)).unwrap_err(),
        ClaimError::PeerInUse { session_id: 1 }
    );
    drop(reservation);
    assert_eq!(store.sessions().using_peer("wireguard", "key 2"), None);
    assert_eq!(store.sessions().using_peer("wireguard", "key 1"), Some(1));
    assert_eq!(store.sessions().in_device_slots(wallet(1)), [1]);
    // Same key in another service is another key.
    assert_eq!(store.sessions().using_peer("v2ray", "key 1"), None);
    let second = session(2, 1, None);
    assert_eq!(
        store.sessions().claim(claim(&second, 1)).unwrap_err(),
        ClaimError::DeviceLimit { sessions: vec![1], recorded: vec![1], limit: 1 }
    );
    store.sessions().end(1).await.unwrap();
    store.sessions().claim(claim(&second, 1)).unwrap();
    store.close().await;
}
