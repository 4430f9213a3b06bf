//! A card is sold between the moment at which it was found and the moment at which a session rests on it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::SessionKind::Direct;
use sovereign_gate::store::Cause;

use crate::house::{House, OTHER, Running};
use crate::{DAY, delegate};

/// Longest time from a sale to a peer that is out.
const EVICTION_LIMIT: Duration = Duration::from_secs(5);
const DELAY_OF_RESTORES: Duration = Duration::from_millis(1500);

/// A wallet without cards that signed in for an account.
async fn delegate_of(house: &House, gate: &Running) -> (Address, AccountAddress) {
    let (hot, account) = (house.somebody(), house.account());
    house.bind(gate, account, hot, DAY).await;
    (hot, account)
}

async fn until_a_restore_has_begun(house: &House, before: u64) {
    house.until("a restore has begun", || house.tunnel.restores.load(Ordering::SeqCst) > before).await;
}

/// Restores take long from now on; how many have begun before.
fn slow_down(house: &House) -> u64 {
    let delay = u64::try_from(DELAY_OF_RESTORES.as_millis()).unwrap();
    house.tunnel.delay_of_restores.store(delay, Ordering::SeqCst);
    house.tunnel.restores.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_sold_while_its_peer_comes_back() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (hot, account) = delegate_of(&house, &gate).await;
    let vaults = [house.holder(&[OTHER]).await, house.holder(&[OTHER]).await];
    delegate(&house, vaults[0], hot, u64::MAX).await;
    let session = house.session(&gate, account, hot, Some(vaults[0]), ("paid", Direct)).await;
    house.settled(&gate).await;
    house.transfer(vaults[0], house.somebody(), OTHER).await;
    house.out(&gate, session).await;

    let before = slow_down(&house);
    delegate(&house, vaults[1], hot, u64::MAX).await;
    until_a_restore_has_begun(&house, before).await;
    house.transfer(vaults[1], house.somebody(), OTHER).await;
    let sold = Instant::now();
    let is_back = || house.tunnel.restores_done.load(Ordering::SeqCst) > before;
    house.until("it came back", is_back).await;
    assert_eq!(house.out(&gate, session).await, Some(Cause::NoCard));
    assert!(sold.elapsed() < EVICTION_LIMIT, "took {:?}", sold.elapsed());
    gate.end().await;
}

/// What is written of a session waits while another peer is brought back.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_sold_while_a_session_moves_to_it() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (busy, other) = house.guest(&gate, &[OTHER]).await;
    let (hot, account) = delegate_of(&house, &gate).await;
    let (own, vault) = (house.holder(&[OTHER]).await, house.holder(&[OTHER]).await);
    house.bind(&gate, account, own, DAY).await;
    delegate(&house, vault, hot, u64::MAX).await;
    let session = house.session(&gate, account, own, None, ("paid", Direct)).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(busy, buyer, OTHER).await;
    house.out(&gate, other).await;

    let before = slow_down(&house);
    house.transfer(buyer, busy, OTHER).await;
    until_a_restore_has_begun(&house, before).await;
    let asked = house.asked.count();
    house.transfer(own, house.somebody(), OTHER).await;
    house.until("the other basis is asked about", || house.asked.count() >= asked + 3).await;
    house.transfer(vault, house.somebody(), OTHER).await;
    let sold = Instant::now();
    assert_eq!(house.out(&gate, session).await, Some(Cause::NoCard));
    assert!(sold.elapsed() < EVICTION_LIMIT, "took {:?}", sold.elapsed());
    gate.end().await;
}
