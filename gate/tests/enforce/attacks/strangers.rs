//! Strangers, and repeats of handshakes, take nothing from a holder, and no holder gets more than its places.

use super::*;

/// Account A rests on V1, account B has three devices on V2. V1 is sold: A's session is out. V2 is full, so it stays out,
/// until a stranger signs in for A, and takes the card away again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_comes_and_goes_takes_no_device() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (one, two) = (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await);
    let (a, b) = (house.account(), house.account());
    house.bind(&gate, a, one, DAY).await;
    house.bind(&gate, b, two, DAY).await;
    let old = house.session(&gate, a, one, None, ("paid", Direct)).await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        devices.push(house.session(&gate, b, two, None, ("paid", Direct)).await);
    }
    house.settled(&gate).await;
    house.transfer(one, house.somebody(), OTHER).await;
    assert_eq!(house.out(&gate, old).await, Some(Cause::NoCard));
    house.bind(&gate, a, two, DAY).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!is_live(&gate, old) && devices.iter().all(|id| is_live(&gate, *id)), "V2 is full");
    // From here on only the stranger acts.
    let stranger = house.holder(&[OTHER]).await;
    house.bind(&gate, a, stranger, DAY).await;
    house.is_in(&gate, old).await;
    house.settled(&gate).await;
    house.transfer(stranger, house.somebody(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let seen = states(&gate, &devices);
    let all = devices.iter().all(|id| house.passes(*id));
    gate.end().await;
    assert!(all, "a device of the holder is gone: {seen:?}");
}

/// After a lockdown the owner has three new devices. A stranger that saw the handshake of an old one signs in for
/// the account, sends it again, and takes its card away.
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_repeated_by_a_stranger_takes_no_device() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, client) = (house.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    house.bind(&gate, account, wallet, DAY).await;
    let old = house.unrecorded(account);
    let (seen, key) = client.handshake(old);
    admit(&house, &gate, &seen, &key).await.unwrap();
    house.settled(&gate).await;
    gate.enforcer.lock_down("intruder").await.unwrap();
    gate.enforcer.pause(false, "it is over").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut devices = Vec::new();
    for _ in 0..3 {
        let session = house.unrecorded(account);
        let (body, key) = client.handshake(session);
        admit(&house, &gate, &body, &key).await.unwrap();
        devices.push(session);
    }
    assert!(decide(&gate, &seen).await.is_err(), "a repeat alone does nothing");
    // From here on only the stranger acts.
    let stranger = house.holder(&[OTHER]).await;
    house.bind(&gate, account, stranger, DAY).await;
    let admitted = decide(&gate, &seen).await.unwrap();
    assert_eq!(gate.enforcer.repeat(&admitted).await, Repeat::Holds);
    drop(admitted);
    house.settled(&gate).await;
    house.transfer(stranger, house.somebody(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (gone, of_old) = (states(&gate, &devices), states(&gate, &[old]));
    let all = devices.iter().all(|id| is_live(&gate, *id));
    gate.end().await;
    assert!(all, "a device of the owner is gone: {gone:?}; in its place: {of_old:?}");
}

/// A session that is cancelled while it is evicted, and two devices after its card is back; the session's handshake.
async fn cancelled_beside_two_devices(
    house: &House,
    gate: &Running,
    client: &Client,
    wallet: Address,
) -> String {
    let account = client.account();
    let old = house.unrecorded(account);
    let (seen, key) = client.handshake(old);
    admit(house, gate, &seen, &key).await.unwrap();
    house.settled(gate).await;
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    house.until("it is out", || !is_live(gate, old)).await;
    {
        let mut hub = house.hub.state();
        hub.cancel(old, account, NODE, Direct);
        hub.height += 1;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    house.transfer(buyer, wallet, OTHER).await;
    house.settled(gate).await;
    for _ in 0..2 {
        let session = house.unrecorded(account);
        let (body, key) = client.handshake(session);
        admit(house, gate, &body, &key).await.unwrap();
    }
    seen
}

/// An evicted session was cancelled, and its card is back: a repeat of its handshake takes no place.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_for_a_cancelled_session_takes_no_place() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, client) = (house.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    house.bind(&gate, account, wallet, DAY).await;
    let seen = cancelled_beside_two_devices(&house, &gate, &client, wallet).await;
    // A stranger's repeats, one after the other: each holds its place while the hub is asked or a turn is waited for.
    let repeated = decide(&gate, &seen).await;
    let third = house.unrecorded(account);
    let (body, _) = client.handshake(third);
    let third = decide(&gate, &body).await.map(drop);
    drop(repeated);
    gate.end().await;
    assert!(third.is_ok(), "two devices of three are live: {third:?}");
}

/// A session moves to another holder to make room while a look at it still goes by its former basis.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_from_before_a_move_does_not_undo_it() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (busy, other) = house.guest(&gate, &[OTHER]).await;
    let (holder, second, client) = (house.holder(&[THIS]).await, house.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    house.bind(&gate, account, second, DAY).await;
    house.bind(&gate, account, holder, DAY).await;
    for _ in 0..3 {
        house.session(&gate, account, holder, None, ("free", Direct)).await;
    }
    let fourth = house.number();
    {
        let mut hub = house.hub.state();
        hub.put(fourth, account, NODE, Plan(FREE_PLAN));
        hub.height += 1;
    }
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(busy, buyer, OTHER).await;
    house.out(&gate, other).await;
    house.settled(&gate).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The lock of the evictor is held for a while.
    house.tunnel.delay_of_restores.store(1500, Ordering::SeqCst);
    let before = house.tunnel.restores.load(Ordering::SeqCst);
    house.transfer(buyer, busy, OTHER).await;
    house.until("a restore has begun", || house.tunnel.restores.load(Ordering::SeqCst) > before).await;
    let (body, key) = client.handshake(fourth);
    let admitting = admit(&house, &gate, &body, &key);
    let renewing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        house.bind(&gate, account, holder, 2 * DAY).await;
    };
    let (admitted, ()) = tokio::join!(admitting, renewing);
    house.tunnel.delay_of_restores.store(0, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (places, moved) = (gate.store.places_of(holder), gate.store.places_of(second));
    gate.end().await;
    assert!(places.len() <= 3, "{admitted:?}: places of the holder {places:?}, of the second {moved:?}");
}

/// The holder's card leaves and comes back. Meanwhile a stranger, all of whose places are taken, has signed in
/// for the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_without_free_places_keeps_no_session_out() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (stranger, own) = (house.holder(&[OTHER]).await, house.account());
    house.bind(&gate, own, stranger, DAY).await;
    for _ in 0..3 {
        house.session(&gate, own, stranger, None, ("paid", Direct)).await;
    }
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    let account = gate.store.session(session).unwrap().account;
    house.bind(&gate, account, stranger, DAY).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    let cause = house.out(&gate, session).await;
    house.transfer(buyer, wallet, OTHER).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let passes = house.passes(session);
    gate.end().await;
    assert!(passes, "the card is back, the peer is not: evicted as {cause:?}");
}

/// The holder's card is sold while its session could rest on a stranger's card without a free place. The holder's spare
/// card comes behind eight sign-ins.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_stranger_does_not_end_the_search() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (stranger, own) = (house.holder(&[OTHER]).await, house.account());
    house.bind(&gate, own, stranger, DAY).await;
    for _ in 0..3 {
        house.session(&gate, own, stranger, None, ("paid", Direct)).await;
    }
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    let account = gate.store.session(session).unwrap().account;
    let spare = house.holder(&[OTHER]).await;
    house.bind(&gate, account, spare, DAY).await;
    // Newer than the spare one.
    house.clock.ahead(5);
    for _ in 0..8 {
        house.bind(&gate, account, house.somebody(), DAY).await;
    }
    house.bind(&gate, account, stranger, DAY).await;
    house.settled(&gate).await;
    house.transfer(wallet, house.somebody(), OTHER).await;
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
async fn a_stranger_that_changes_its_delegation_puts_nothing_in_doubt() {
    let house = House::build().await;
    let delay = slow_provider(&house).await;
    let gate = house.gate_with(|policy| policy.unverified_grace = Duration::from_secs(2), 60).await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let stranger = house.somebody();
    delay.store(10_000, Ordering::SeqCst);
    delegate(&house, stranger, wallet, u64::MAX).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(house.passes(session), "a delegation puts nothing in doubt");
    let update = updateDelegationAddressCall {
        collection: house.memes,
        oldDelegate: wallet,
        newDelegate: house.somebody(),
        expiry: alloy::primitives::U256::MAX,
        useCase: alloy::primitives::U256::from(1),
        allTokens: true,
        tokenId: alloy::primitives::U256::ZERO,
    };
    house.chain.call(stranger, sovereign_contracts::nft_delegation::MAINNET, &update).await.unwrap();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let seen = states(&gate, &[session]);
    gate.end().await;
    assert!(seen[0].1 == "live", "{seen:?}");
}

/// As [`a_repeat_for_a_cancelled_session_takes_no_place`]: the place that the repeat holds is what a live session of the
/// holder needs at this moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_for_a_cancelled_session_ends_no_live_one() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, lender, client) =
        (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    house.bind(&gate, account, wallet, DAY).await;
    let seen = cancelled_beside_two_devices(&house, &gate, &client, wallet).await;
    house.bind(&gate, account, lender, DAY).await;
    let third = house.session(&gate, account, lender, None, ("paid", Direct)).await;
    house.settled(&gate).await;
    let repeated = decide(&gate, &seen).await;
    house.transfer(lender, house.somebody(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(repeated);
    let seen: Vec<_> =
        gate.store.list_sessions().iter().map(|one| (one.session_id, one.state, one.cause)).collect();
    let passes = house.passes(third);
    let live = gate.store.list_sessions().iter().filter(|one| one.is_live()).count();
    gate.end().await;
    assert!(passes && live == 3, "{live} of 3 devices are left, {seen:?}");
}
