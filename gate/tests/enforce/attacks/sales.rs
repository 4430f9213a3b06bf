//! A sale ends the tunnel within its limit.

use super::*;

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
