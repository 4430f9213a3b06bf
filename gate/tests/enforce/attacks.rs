//! Attacks on the promises of docs/rights.md that once succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use axum::extract::State;
use axum::response::IntoResponse as _;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Handshake, PeerId, PeerRequest, PublicKey, Service};
use sentinel_proto::hub::SessionKind::{Direct, Plan};
use sha2::{Digest as _, Sha256};
use sovereign_gate::admission::{Admitted, Outcome};
use sovereign_gate::enforce::Repeat;
use sovereign_gate::refusal::Refusal;
use sovereign_gate::store::{Cause, SessionRecord, SessionState};

use crate::house::{FREE_PLAN, House, NODE, OTHER, Running, THIS};
use crate::{DAY, delegate};

const EVICTION_LIMIT: Duration = Duration::from_secs(5);

/// A client with a key of its own.
struct Client {
    secret: secp256k1::SecretKey,
    key: PublicKey,
}

impl Client {
    fn new() -> Self {
        let (secret, public) = secp256k1::Secp256k1::new().generate_keypair(&mut rand::rng());
        Self { secret, key: PublicKey::Secp256k1(public.serialize()) }
    }

    fn account(&self) -> AccountAddress {
        self.key.account()
    }

    /// A handshake for `session`, and its tunnel key.
    fn handshake(&self, session: u64) -> (String, String) {
        self.handshake_with(session, PeerId::Key(rand::random()))
    }

    fn handshake_with(&self, session: u64, peer: PeerId) -> (String, String) {
        let data = PeerRequest { id: peer }.to_json(Service::WireGuard).into_bytes();
        let digest: [u8; 32] = Sha256::digest(Handshake::message(session, &data)).into();
        let message = secp256k1::Message::from_digest(digest);
        let signature = secp256k1::Secp256k1::new().sign_ecdsa(message, &self.secret).serialize_compact();
        let body = Handshake { session_id: session, data, pub_key: self.key, signature }.to_json();
        (body, peer.to_string())
    }
}

async fn decide(gate: &Running, body: &str) -> Result<Admitted, Refusal> {
    let verified = gate.admission.verify(body.to_owned().into(), Service::WireGuard)?;
    match gate.admission.decide(verified).await? {
        Outcome::Admitted(admitted) => Ok(*admitted),
        other => panic!("{other:?}"),
    }
}

/// What the edge does with an admitted first handshake.
async fn admit(house: &House, gate: &Running, body: &str, key: &str) -> Result<(), Refusal> {
    let admitted = decide(gate, body).await?;
    house.tunnel.peers().insert(key.to_owned(), true);
    let verified = admitted.verified();
    let basis = gate.admission.recorded_basis(admitted.grant());
    let slot_holder = basis.holder();
    let record = SessionRecord {
        session_id: verified.session_id(),
        account: verified.account(),
        wallet: basis.wallet,
        vault: basis.vault,
        via: basis.via.map(str::to_owned),
        collection: basis.collection,
        card: basis.card,
        tier: basis.tier.to_owned(),
        plan: basis.plan,
        service: verified.service().to_string(),
        peer_id: key.to_owned(),
        addresses: vec![format!("10.0.1.{}/32", verified.session_id())],
        handshake_hash: verified.fingerprint(),
        slot_holder,
        admitted_at: crate::house::now().cast_signed(),
        decision_block: basis.block,
        expires_at: basis.expires_at,
        state: SessionState::Live,
        cause: None,
        evicted_at: None,
        signed_in_after: None,
        own_key: verified.own_key(),
    };
    gate.store.record_session(record, b"answer".to_vec()).await.unwrap();
    gate.admission.note_used(admitted.grant());
    gate.enforcer.came_in(&admitted).await
}

fn is_live(gate: &Running, session: u64) -> bool {
    gate.store.session(session).is_some_and(|record| record.is_live())
}

fn states(gate: &Running, sessions: &[u64]) -> Vec<(u64, &'static str, Option<Cause>, Option<Address>)> {
    let records = sessions.iter().filter_map(|id| gate.store.session(*id));
    records.map(|one| (one.session_id, one.state.label(), one.cause, one.holder())).collect()
}

/// A session was admitted for A and rests on B, since A was sold. A asks to be forgotten. Then B is sold.
#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_former_holder_does_not_hide_a_session_from_the_sale() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (a, b, account) = (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await, house.account());
    house.bind(&gate, account, a, DAY).await;
    house.bind(&gate, account, b, DAY).await;
    let session = house.session(&gate, account, a, None, ("paid", Direct)).await;
    house.settled(&gate).await;
    house.transfer(a, house.somebody(), OTHER).await;
    house.until("it rests on B", || gate.store.session(session).unwrap().wallet == Some(b)).await;
    house.settled(&gate).await;
    gate.enforcer.erase(a, "asked for it").await.unwrap();
    house.transfer(b, house.somebody(), OTHER).await;
    let sold = Instant::now();
    while house.passes(session) && sold.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = sold.elapsed();
    gate.end().await;
    assert!(took < EVICTION_LIMIT, "still live {took:?} after the sale of the last card");
}

/// Two cards of one account with three devices each; one is sold during many sign-ins for the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_ends_tunnels_during_many_sign_ins() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (kept, sold, account) = (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await, house.account());
    house.bind(&gate, account, kept, DAY).await;
    house.bind(&gate, account, sold, DAY).await;
    let mut sessions = Vec::new();
    for wallet in [kept, kept, kept, sold, sold, sold] {
        sessions.push(house.session(&gate, account, wallet, None, ("paid", Direct)).await);
    }
    house.settled(&gate).await;
    let enforcer = Arc::clone(&gate.enforcer);
    let pause = Duration::from_millis(20);
    let naming = tokio::spawn(async move {
        loop {
            enforcer.account_changed(&account);
            tokio::time::sleep(pause).await;
        }
    });
    house.transfer(sold, house.somebody(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let live: Vec<u64> = sessions.iter().copied().filter(|session| house.passes(*session)).collect();
    naming.abort();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let later = sessions.iter().filter(|session| house.passes(**session)).count();
    gate.end().await;
    assert!(live.len() <= 3, "10 s after the sale {} pass by one card; {later} without sign-ins", live.len());
}

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

/// Every answer of Ethereum takes so long, in milliseconds.
async fn slow_provider(house: &House) -> Arc<AtomicU64> {
    let (delay, url) = (Arc::new(AtomicU64::new(0)), house.anvil.url());
    let forward = |State((url, delay)): State<(String, Arc<AtomicU64>)>, body: String| async move {
        if body.contains("eth_call") {
            tokio::time::sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
        }
        let sent =
            reqwest::Client::new().post(&url).header("content-type", "application/json").body(body).send();
        ([("content-type", "application/json")], sent.await.unwrap().bytes().await.unwrap()).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    *house.provider.lock().unwrap() = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new().fallback(forward).with_state((url, Arc::clone(&delay)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    delay
}

/// Ethereum answers slowly, but within the reader's time. A stranger's delegation has made the gate look when the card is sold.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_during_a_look_at_a_slow_provider() {
    let house = House::build().await;
    let delay = slow_provider(&house).await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    delay.store(2200, Ordering::SeqCst);
    delegate(&house, house.somebody(), wallet, u64::MAX).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    house.transfer(wallet, house.somebody(), OTHER).await;
    let sold = Instant::now();
    house.until("it is out", || !house.passes(session)).await;
    let took = sold.elapsed();
    let cause = gate.store.session(session).and_then(|record| record.cause);
    delay.store(0, Ordering::SeqCst);
    gate.end().await;
    assert!(took < EVICTION_LIMIT, "took {took:?}, {cause:?}");
}

/// Peers that come back one after the other, and a sale behind them.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_behind_peers_that_come_back() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (vault, hot, account) = (house.holder(&[OTHER]).await, house.somebody(), house.account());
    house.bind(&gate, account, hot, DAY).await;
    delegate(&house, vault, hot, u64::MAX).await;
    let mut many = Vec::new();
    for _ in 0..3 {
        many.push(house.session(&gate, account, hot, Some(vault), ("paid", Direct)).await);
    }
    let (seller, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(vault, buyer, OTHER).await;
    for id in &many {
        house.out(&gate, *id).await;
    }
    house.tunnel.delay_of_restores.store(2000, Ordering::SeqCst);
    let before = house.tunnel.restores.load(Ordering::SeqCst);
    house.transfer(buyer, vault, OTHER).await;
    house.until("a restore has begun", || house.tunnel.restores.load(Ordering::SeqCst) > before).await;
    house.transfer(seller, house.somebody(), OTHER).await;
    let sold = Instant::now();
    house.until("it is out", || !house.passes(session)).await;
    let took = sold.elapsed();
    gate.end().await;
    assert!(took < Duration::from_millis(3500), "waited for all three that came back: {took:?}");
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

/// As [`a_sale_ends_tunnels_during_many_sign_ins`], three times a second, and the sessions in the way
/// lose a delegation at the same time, so that they are looked at as long.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_ends_tunnels_while_those_in_the_way_are_looked_at() {
    let house = House::build().await;
    let delay = slow_provider(&house).await;
    let gate = house.gate().await;
    let (kept, sold, account) = (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await, house.account());
    let hot = house.somebody();
    delegate(&house, kept, hot, u64::MAX).await;
    for wallet in [kept, sold, hot] {
        house.bind(&gate, account, wallet, DAY).await;
    }
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(house.session(&gate, account, hot, Some(kept), ("paid", Direct)).await);
    }
    for _ in 0..3 {
        sessions.push(house.session(&gate, account, sold, None, ("paid", Direct)).await);
    }
    house.settled(&gate).await;
    delay.store(150, Ordering::SeqCst);
    let enforcer = Arc::clone(&gate.enforcer);
    let naming = async move {
        loop {
            enforcer.account_changed(&account);
            tokio::time::sleep(Duration::from_millis(330)).await;
        }
    };
    house.transfer(sold, house.somebody(), OTHER).await;
    let revoke = sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall {
        collection: house.memes,
        delegate: hot,
        useCase: alloy::primitives::U256::from(1),
    };
    house.chain.call(kept, sovereign_contracts::nft_delegation::MAINNET, &revoke).await.unwrap();
    let naming = tokio::spawn(naming);
    tokio::time::sleep(Duration::from_secs(12)).await;
    let live: Vec<u64> = sessions.iter().copied().filter(|session| house.passes(*session)).collect();
    let seen = states(&gate, &sessions);
    naming.abort();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let later = sessions.iter().filter(|session| house.passes(**session)).count();
    gate.end().await;
    assert!(
        live.len() <= 3,
        "12 s after the sale {live:?} pass by one card ({seen:?}); {later} without sign-ins"
    );
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

/// A handshake whose client leaves has moved a session to a card that is sold meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_moved_by_a_handshake_that_was_given_up_is_looked_at() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (holder, second, client) = (house.holder(&[THIS]).await, house.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    house.bind(&gate, account, second, DAY).await;
    house.bind(&gate, account, holder, DAY).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(house.session(&gate, account, holder, None, ("free", Direct)).await);
    }
    let fourth = house.number();
    {
        let mut hub = house.hub.state();
        hub.put(fourth, account, NODE, Plan(FREE_PLAN));
        hub.height += 1;
    }
    house.settled(&gate).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let locker = rusqlite::Connection::open(house.home().join("gate.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (body, _) = client.handshake(fourth);
    // The client resets its stream.
    let left = tokio::time::timeout(Duration::from_millis(500), decide(&gate, &body)).await;
    assert!(left.is_err(), "it waits for the write");
    // The second card is sold: nothing rests on it yet.
    let wallet = second;
    house.transfer(wallet, house.somebody(), OTHER).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    locker.execute_batch("COMMIT").unwrap();
    let sold = Instant::now();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let seen = states(&gate, &sessions);
    let stays = sessions
        .iter()
        .any(|id| gate.store.session(*id).is_some_and(|one| one.wallet == Some(second)) && house.passes(*id));
    gate.end().await;
    assert!(
        !stays,
        "{:?} after the sale a session rests on the sold card and passes: {seen:?}",
        sold.elapsed()
    );
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

/// A card is sold while the node is asked whether it answers, before a peer comes back on that card: the node takes long.
#[tokio::test(flavor = "multi_thread")]
async fn no_peer_comes_back_on_a_card_sold_before() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    house.out(&gate, session).await;
    house.settled(&gate).await;
    house.node_delay.store(9000, Ordering::SeqCst);
    let asked = house.node_asked.load(Ordering::SeqCst);
    house.transfer(buyer, wallet, OTHER).await;
    house.until("the node is asked", || house.node_asked.load(Ordering::SeqCst) > asked).await;
    house.transfer(wallet, buyer, OTHER).await;
    let sold = Instant::now();
    let mut passed_at = None;
    while sold.elapsed() < Duration::from_secs(14) {
        if house.passes(session) && sold.elapsed() > EVICTION_LIMIT {
            passed_at = Some(sold.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    gate.end().await;
    assert!(passed_at.is_none(), "the peer passed {passed_at:?} after the sale");
}
