//! A sale ends the tunnel within its limit.

use super::*;

/// A session was admitted for A and rests on B, since A was sold. A asks to be forgotten. Then B is sold.
#[tokio::test(flavor = "multi_thread")]
async fn sale_ends_session_after_erasing_former_holder() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (a, b, account) = (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await, fixture.account());
    fixture.bind(&gate, account, a, DAY).await;
    fixture.bind(&gate, account, b, DAY).await;
    let session = fixture.session(&gate, account, a, None, ("paid", Direct)).await;
    fixture.wait_for_events(&gate).await;
    fixture.transfer(a, fixture.new_wallet(), OTHER).await;
    fixture
        .wait_until("it rests on B", || gate.store.sessions().get(session).unwrap().wallet == Some(b))
        .await;
    fixture.wait_for_events(&gate).await;
    gate.enforcer.operator_actions().erase(a, "asked for it").await.unwrap();
    fixture.transfer(b, fixture.new_wallet(), OTHER).await;
    let sold = Instant::now();
    while fixture.passes(session) && sold.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = sold.elapsed();
    gate.end().await;
    assert!(took < EVICTION_LIMIT, "still live {took:?} after the sale of the last card");
}

/// Two cards of one account with three devices each; one is sold during many sign-ins for the account.
#[tokio::test(flavor = "multi_thread")]
async fn sale_ends_sessions_during_many_sign_ins() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (kept, sold, account) =
        (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await, fixture.account());
    fixture.bind(&gate, account, kept, DAY).await;
    fixture.bind(&gate, account, sold, DAY).await;
    let mut sessions = Vec::new();
    for wallet in [kept, kept, kept, sold, sold, sold] {
        sessions.push(fixture.session(&gate, account, wallet, None, ("paid", Direct)).await);
    }
    fixture.wait_for_events(&gate).await;
    let enforcer = Arc::clone(&gate.enforcer);
    let pause = Duration::from_millis(20);
    let naming = tokio::spawn(async move {
        loop {
            enforcer.account_changed(&account);
            tokio::time::sleep(pause).await;
        }
    });
    fixture.transfer(sold, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let live: Vec<u64> = sessions.iter().copied().filter(|session| fixture.passes(*session)).collect();
    naming.abort();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let later = sessions.iter().filter(|session| fixture.passes(**session)).count();
    gate.end().await;
    assert!(live.len() <= 3, "10 s after the sale {} pass by one card; {later} without sign-ins", live.len());
}

/// Ethereum answers slowly, but within the reader's time. A stranger's delegation has made the gate look when the card is sold.
#[tokio::test(flavor = "multi_thread")]
async fn sale_ends_session_during_slow_evaluation() {
    let fixture = Fixture::build().await;
    let delay = slow_provider(&fixture).await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    delay.store(2200, Ordering::SeqCst);
    delegate(&fixture, fixture.new_wallet(), wallet, u64::MAX).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    let sold = Instant::now();
    fixture.wait_until("it is out", || !fixture.passes(session)).await;
    let took = sold.elapsed();
    let cause = gate.store.sessions().get(session).and_then(|record| record.cause);
    delay.store(0, Ordering::SeqCst);
    gate.end().await;
    assert!(took < EVICTION_LIMIT, "took {took:?}, {cause:?}");
}

/// Peers that come back one after the other, and a sale behind them.
#[tokio::test(flavor = "multi_thread")]
async fn sale_ends_session_despite_queued_restores() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (vault, hot, account) = (fixture.holder(&[OTHER]).await, fixture.new_wallet(), fixture.account());
    fixture.bind(&gate, account, hot, DAY).await;
    delegate(&fixture, vault, hot, u64::MAX).await;
    let mut many = Vec::new();
    for _ in 0..3 {
        many.push(fixture.session(&gate, account, hot, Some(vault), ("paid", Direct)).await);
    }
    let (seller, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(vault, buyer, OTHER).await;
    for id in &many {
        fixture.wait_until_evicted(&gate, *id).await;
    }
    fixture.tunnel.delay_of_restores.store(2000, Ordering::SeqCst);
    let before = fixture.tunnel.restores.load(Ordering::SeqCst);
    fixture.transfer(buyer, vault, OTHER).await;
    fixture
        .wait_until("a restore has begun", || fixture.tunnel.restores.load(Ordering::SeqCst) > before)
        .await;
    fixture.transfer(seller, fixture.new_wallet(), OTHER).await;
    let sold = Instant::now();
    fixture.wait_until("it is out", || !fixture.passes(session)).await;
    let took = sold.elapsed();
    gate.end().await;
    assert!(took < Duration::from_millis(3500), "waited for all three that came back: {took:?}");
}

/// As [`sale_ends_sessions_during_many_sign_ins`], three times a second, and the sessions in the way
/// lose a delegation at the same time, so that they are looked at as long.
#[tokio::test(flavor = "multi_thread")]
async fn sale_ends_sessions_while_others_are_evaluated() {
    let fixture = Fixture::build().await;
    let delay = slow_provider(&fixture).await;
    let gate = fixture.gate().await;
    let (kept, sold, account) =
        (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await, fixture.account());
    let hot = fixture.new_wallet();
    delegate(&fixture, kept, hot, u64::MAX).await;
    for wallet in [kept, sold, hot] {
        fixture.bind(&gate, account, wallet, DAY).await;
    }
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(fixture.session(&gate, account, hot, Some(kept), ("paid", Direct)).await);
    }
    for _ in 0..3 {
        sessions.push(fixture.session(&gate, account, sold, None, ("paid", Direct)).await);
    }
    fixture.wait_for_events(&gate).await;
    delay.store(150, Ordering::SeqCst);
    let enforcer = Arc::clone(&gate.enforcer);
    let naming = async move {
        loop {
            enforcer.account_changed(&account);
            tokio::time::sleep(Duration::from_millis(330)).await;
        }
    };
    fixture.transfer(sold, fixture.new_wallet(), OTHER).await;
    let revoke = sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall {
        collection: fixture.memes,
        delegate: hot,
        useCase: alloy::primitives::U256::from(1),
    };
    fixture.chain.call(kept, sovereign_contracts::nft_delegation::MAINNET, &revoke).await.unwrap();
    let naming = tokio::spawn(naming);
    tokio::time::sleep(Duration::from_secs(12)).await;
    let live: Vec<u64> = sessions.iter().copied().filter(|session| fixture.passes(*session)).collect();
    let seen = states(&gate, &sessions);
    naming.abort();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let later = sessions.iter().filter(|session| fixture.passes(**session)).count();
    gate.end().await;
    assert!(
        live.len() <= 3,
        "12 s after the sale {live:?} pass by one card ({seen:?}); {later} without sign-ins"
    );
}

/// A handshake whose client leaves has moved a session to a card that is sold meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn evaluates_session_moved_by_abandoned_handshake() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (holder, second, client) =
        (fixture.holder(&[THIS]).await, fixture.holder(&[OTHER]).await, Client::new());
    let account = client.account();
    fixture.bind(&gate, account, second, DAY).await;
    fixture.bind(&gate, account, holder, DAY).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(fixture.session(&gate, account, holder, None, ("free", Direct)).await);
    }
    let fourth = fixture.next_id();
    {
        let mut hub = fixture.hub.state();
        hub.put(fourth, account, NODE, Plan(FREE_PLAN));
        hub.height += 1;
    }
    fixture.wait_for_events(&gate).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let locker = rusqlite::Connection::open(fixture.home().join("gate.db")).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (body, _) = client.handshake(fourth);
    // The client resets its stream.
    let left = tokio::time::timeout(Duration::from_millis(500), decide(&gate, &body)).await;
    assert!(left.is_err(), "it waits for the write");
    // The second card is sold: nothing rests on it yet.
    let wallet = second;
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    locker.execute_batch("COMMIT").unwrap();
    let sold = Instant::now();
    tokio::time::sleep(Duration::from_secs(12)).await;
    let seen = states(&gate, &sessions);
    let stays = sessions.iter().any(|id| {
        gate.store.sessions().get(*id).is_some_and(|one| one.wallet == Some(second)) && fixture.passes(*id)
    });
    gate.end().await;
    assert!(
        !stays,
        "{:?} after the sale a session rests on the sold card and passes: {seen:?}",
        sold.elapsed()
    );
}

/// A card is sold while the node is asked whether it answers, before a peer comes back on that card: the node takes long.
#[tokio::test(flavor = "multi_thread")]
async fn restores_no_peer_on_a_sold_card() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;
    fixture.wait_for_events(&gate).await;
    fixture.node_delay.store(9000, Ordering::SeqCst);
    let asked = fixture.node_asked.load(Ordering::SeqCst);
    fixture.transfer(buyer, wallet, OTHER).await;
    fixture.wait_until("the node is asked", || fixture.node_asked.load(Ordering::SeqCst) > asked).await;
    fixture.transfer(wallet, buyer, OTHER).await;
    let sold = Instant::now();
    let mut passed_at = None;
    while sold.elapsed() < Duration::from_secs(14) {
        if fixture.passes(session) && sold.elapsed() > EVICTION_LIMIT {
            passed_at = Some(sold.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    gate.end().await;
    assert!(passed_at.is_none(), "the peer passed {passed_at:?} after the sale");
}
