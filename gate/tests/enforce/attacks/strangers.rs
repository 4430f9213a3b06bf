//! Strangers, and repeats of handshakes, take nothing from a holder, and no holder gets more than its places.

use super::*;

/// Account A rests on V1, account B has three devices on V2. V1 is sold: A's session is out. V2 is full, so it stays out,
/// until a stranger signs in for A, and takes the card away again.
#[tokio::test(flavor = "multi_thread")]
async fn stranger_sign_in_takes_no_device() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (one, two) = (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await);
    let (a, b) = (fixture.account(), fixture.account());
    fixture.bind(&gate, a, one, DAY).await;
    fixture.bind(&gate, b, two, DAY).await;
    let old = fixture.session(&gate, a, one, None, ("paid", Direct)).await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(fixture.session(&gate, b, two, None, ("paid", Direct)).await);
    }
    fixture.wait_for_events(&gate).await;
    fixture.transfer(one, fixture.new_wallet(), OTHER).await;
    assert_eq!(fixture.wait_until_evicted(&gate, old).await, Some(EvictionCause::NoCard));
    fixture.bind(&gate, a, two, DAY).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_live(&gate, old) && devices.iter().all(|id| is_live(&gate, *id)), "V2 is full");
    // From here on only the stranger acts.
    let stranger = fixture.holder(&[OTHER]).await;
    fixture.bind(&gate, a, stranger, DAY).await;
    fixture.wait_until_live(&gate, old).await;
    fixture.wait_for_events(&gate).await;
    fixture.transfer(stranger, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let seen = states(&gate, &devices);
    let all = devices.iter().all(|id| fixture.passes(*id));
    gate.end().await;
    assert!(all, "a device of the holder is gone: {seen:?}");
}

/// After a lockdown the owner has three new devices. A stranger that saw the handshake of an old one signs in for
/// the account, sends it again, and takes its card away.
#[tokio::test(flavor = "multi_thread")]
async fn handshake_replayed_by_stranger_takes_no_device() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, client) = (fixture.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    fixture.bind(&gate, account, wallet, DAY).await;
    let old = fixture.hub_session(account);
    let (seen, key) = client.handshake(old);
    admit(&fixture, &gate, &seen, &key).await.unwrap();
    fixture.wait_for_events(&gate).await;
    gate.enforcer.operator_actions().lock_down("intruder").await.unwrap();
    gate.enforcer.operator_actions().pause(false, "it is over").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        let session = fixture.hub_session(account);
        let (body, key) = client.handshake(session);
        admit(&fixture, &gate, &body, &key).await.unwrap();
        devices.push(session);
    }
    assert!(decide(&gate, &seen).await.is_err(), "a repeat alone does nothing");
    // From here on only the stranger acts.
    let stranger = fixture.holder(&[OTHER]).await;
    fixture.bind(&gate, account, stranger, DAY).await;
    let admitted = decide(&gate, &seen).await.unwrap();
    assert_eq!(gate.enforcer.repeat(&admitted).await, RepeatOutcome::Holds);
    drop(admitted);
    fixture.wait_for_events(&gate).await;
    fixture.transfer(stranger, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (gone, of_old) = (states(&gate, &devices), states(&gate, &[old]));
    let all = devices.iter().all(|id| is_live(&gate, *id));
    gate.end().await;
    assert!(all, "a device of the owner is gone: {gone:?}; in its place: {of_old:?}");
}

/// A session that is cancelled while it is evicted, and two devices after its card is back; the session's handshake.
async fn cancelled_beside_two_devices(
    fixture: &Fixture,
    gate: &GateHandle,
    client: &Client,
    wallet: Address,
) -> String {
    let account = client.account();
    let old = fixture.hub_session(account);
    let (seen, key) = client.handshake(old);
    admit(fixture, gate, &seen, &key).await.unwrap();
    fixture.wait_for_events(gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    fixture.wait_until("it is out", || !is_live(gate, old)).await;
    {
        let mut hub = fixture.hub.state();
        hub.cancel(old, account, NODE, Direct);
        hub.height += 1;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    fixture.transfer(buyer, wallet, OTHER).await;
    fixture.wait_for_events(gate).await;
    for _ in 0..2 {
        let session = fixture.hub_session(account);
        let (body, key) = client.handshake(session);
        admit(fixture, gate, &body, &key).await.unwrap();
    }
    seen
}

/// An evicted session was cancelled, and its card is back: a repeat of its handshake takes no place.
#[tokio::test(flavor = "multi_thread")]
async fn repeat_of_cancelled_session_takes_no_slot() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, client) = (fixture.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    fixture.bind(&gate, account, wallet, DAY).await;
    let seen = cancelled_beside_two_devices(&fixture, &gate, &client, wallet).await;
    // A stranger's repeats, one after the other: each holds its place while the hub is asked or a turn is waited for.
    let repeated = decide(&gate, &seen).await;
    let third = fixture.hub_session(account);
    let (body, _) = client.handshake(third);
    let third = decide(&gate, &body).await.map(drop);
    drop(repeated);
    gate.end().await;
    assert!(third.is_ok(), "two devices of three are live: {third:?}");
}

/// A session moves to another holder to make room while a look at it still goes by its former basis.
#[tokio::test(flavor = "multi_thread")]
async fn outdated_evaluation_does_not_undo_basis_change() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (busy, other) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (holder, second, client) =
        (fixture.holder(&[THIS]).await, fixture.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    fixture.bind(&gate, account, second, DAY).await;
    fixture.bind(&gate, account, holder, DAY).await;
    for _ in 0..3 {
        fixture.session(&gate, account, holder, None, ("free", Direct)).await;
    }
    let fourth = fixture.next_id();
    {
        let mut hub = fixture.hub.state();
        hub.put(fourth, account, NODE, Plan(FREE_PLAN));
        hub.height += 1;
    }
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(busy, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, other).await;
    fixture.wait_for_events(&gate).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The lock of the evictor is held for a while.
    fixture.tunnel.delay_of_restores.store(1500, Ordering::SeqCst);
    let before = fixture.tunnel.restores.load(Ordering::SeqCst);
    fixture.transfer(buyer, busy, OTHER).await;
    fixture
        .wait_until("a restore has begun", || fixture.tunnel.restores.load(Ordering::SeqCst) > before)
        .await;
    let (body, key) = client.handshake(fourth);
    let admitting = admit(&fixture, &gate, &body, &key);
    let renewing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fixture.bind(&gate, account, holder, 2 * DAY).await;
    };
    let (admitted, ()) = tokio::join!(admitting, renewing);
    fixture.tunnel.delay_of_restores.store(0, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (places, moved) =
        (gate.store.sessions().in_device_slots(holder), gate.store.sessions().in_device_slots(second));
    gate.end().await;
    assert!(places.len() <= 3, "{admitted:?}: places of the holder {places:?}, of the second {moved:?}");
}

/// The holder's card leaves and comes back. Meanwhile a stranger, all of whose places are taken, has signed in
/// for the account.
#[tokio::test(flavor = "multi_thread")]
async fn stranger_without_free_slots_prevents_no_restore() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (stranger, own) = (fixture.holder(&[OTHER]).await, fixture.account());
    fixture.bind(&gate, own, stranger, DAY).await;
    for _ in 0..3 {
        fixture.session(&gate, own, stranger, None, ("paid", Direct)).await;
    }
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let account = gate.store.sessions().get(session).unwrap().account;
    fixture.bind(&gate, account, stranger, DAY).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    let cause = fixture.wait_until_evicted(&gate, session).await;
    fixture.transfer(buyer, wallet, OTHER).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let passes = fixture.passes(session);
    gate.end().await;
    assert!(passes, "the card is back, the peer is not: evicted as {cause:?}");
}

/// The holder's card is sold while its session could rest on a stranger's card without a free place. The holder's spare
/// card comes behind eight sign-ins.
#[tokio::test(flavor = "multi_thread")]
async fn stranger_without_free_slots_does_not_end_search() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (stranger, own) = (fixture.holder(&[OTHER]).await, fixture.account());
    fixture.bind(&gate, own, stranger, DAY).await;
    for _ in 0..3 {
        fixture.session(&gate, own, stranger, None, ("paid", Direct)).await;
    }
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let account = gate.store.sessions().get(session).unwrap().account;
    let spare = fixture.holder(&[OTHER]).await;
    fixture.bind(&gate, account, spare, DAY).await;
    // Newer than the spare one.
    fixture.clock.ahead(5);
    for _ in 0..8 {
        fixture.bind(&gate, account, fixture.new_wallet(), DAY).await;
    }
    fixture.bind(&gate, account, stranger, DAY).await;
    fixture.wait_for_events(&gate).await;
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let seen = states(&gate, &[session]);
    gate.end().await;
    assert!(seen[0].1 == "live", "{seen:?}, the spare wallet {spare}");
}

alloy::sol! {
    function updateDelegationAddress(address collection, address oldDelegate, address newDelegate, uint256 expiry,
        uint256 useCase, bool allTokens, uint256 tokenId) external;
}

/// A stranger delegates to the holder's wallet and then to another one in its place, while Ethereum cannot be asked.
#[tokio::test(flavor = "multi_thread")]
async fn delegation_change_by_stranger_is_no_loss() {
    let fixture = Fixture::build().await;
    let delay = slow_provider(&fixture).await;
    let gate = fixture.gate_with(|policy| policy.unverified_grace = Duration::from_secs(2), 60).await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let stranger = fixture.new_wallet();
    delay.store(10_000, Ordering::SeqCst);
    delegate(&fixture, stranger, wallet, u64::MAX).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(fixture.passes(session), "a delegation puts nothing in doubt");
    let update = updateDelegationAddressCall {
        collection: fixture.memes,
        oldDelegate: wallet,
        newDelegate: fixture.new_wallet(),
        expiry: alloy::primitives::U256::MAX,
        useCase: alloy::primitives::U256::from(1),
        allTokens: true,
        tokenId: alloy::primitives::U256::ZERO,
    };
    fixture.chain.call(stranger, sovereign_contracts::nft_delegation::MAINNET, &update).await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let seen = states(&gate, &[session]);
    gate.end().await;
    assert!(seen[0].1 == "live", "{seen:?}");
}

/// As [`repeat_of_cancelled_session_takes_no_slot`]: the place that the repeat holds is what a live session of the
/// holder needs at this moment.
#[tokio::test(flavor = "multi_thread")]
async fn repeat_of_cancelled_session_ends_no_live_session() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, lender, client) =
        (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    fixture.bind(&gate, account, wallet, DAY).await;
    let seen = cancelled_beside_two_devices(&fixture, &gate, &client, wallet).await;
    fixture.bind(&gate, account, lender, DAY).await;
    let third = fixture.session(&gate, account, lender, None, ("paid", Direct)).await;
    fixture.wait_for_events(&gate).await;
    let repeated = decide(&gate, &seen).await;
    fixture.transfer(lender, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(repeated);
    let seen: Vec<_> =
        gate.store.sessions().list().iter().map(|one| (one.session_id, one.state, one.cause)).collect();
    let passes = fixture.passes(third);
    let live = gate.store.sessions().list().iter().filter(|one| one.is_live()).count();
    gate.end().await;
    assert!(passes && live == 3, "{live} of 3 devices are left, {seen:?}");
}
