//! A card is sold between the moment at which it was found and the moment at which a session rests on it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::SessionKind::Direct;
use sovereign_gate::store::EvictionCause;

use crate::fixture::{Fixture, GateHandle, OTHER};
use crate::{DAY, delegate};

/// Longest time from a sale to a peer that is out.
const EVICTION_LIMIT: Duration = Duration::from_secs(5);
const DELAY_OF_RESTORES: Duration = Duration::from_millis(1500);

/// A wallet without cards that signed in for an account.
async fn delegate_of(fixture: &Fixture, gate: &GateHandle) -> (Address, AccountAddress) {
    let (hot, account) = (fixture.new_wallet(), fixture.account());
    fixture.bind(gate, account, hot, DAY).await;
    (hot, account)
}

async fn until_a_restore_has_begun(fixture: &Fixture, before: u64) {
    fixture
        .wait_until("a restore has begun", || fixture.tunnel.restores.load(Ordering::SeqCst) > before)
        .await;
}

/// Restores take long from now on; how many have begun before.
fn slow_down(fixture: &Fixture) -> u64 {
    let delay = u64::try_from(DELAY_OF_RESTORES.as_millis()).unwrap();
    fixture.tunnel.delay_of_restores.store(delay, Ordering::SeqCst);
    fixture.tunnel.restores.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn evicts_when_card_is_sold_during_restore() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (hot, account) = delegate_of(&fixture, &gate).await;
    let vaults = [fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await];
    delegate(&fixture, vaults[0], hot, u64::MAX).await;
    let session = fixture.session(&gate, account, hot, Some(vaults[0]), ("paid", Direct)).await;
    fixture.wait_for_events(&gate).await;
    fixture.transfer(vaults[0], fixture.new_wallet(), OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;

    let before = slow_down(&fixture);
    delegate(&fixture, vaults[1], hot, u64::MAX).await;
    until_a_restore_has_begun(&fixture, before).await;
    fixture.transfer(vaults[1], fixture.new_wallet(), OTHER).await;
    let sold = Instant::now();
    let is_back = || fixture.tunnel.restores_done.load(Ordering::SeqCst) > before;
    fixture.wait_until("it came back", is_back).await;
    assert_eq!(fixture.wait_until_evicted(&gate, session).await, Some(EvictionCause::NoCard));
    assert!(sold.elapsed() < EVICTION_LIMIT, "took {:?}", sold.elapsed());
    gate.end().await;
}

/// What is written of a session waits while another peer is brought back.
#[tokio::test(flavor = "multi_thread")]
async fn evicts_when_card_is_sold_during_basis_change() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (busy, other) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (hot, account) = delegate_of(&fixture, &gate).await;
    let (own, vault) = (fixture.holder(&[OTHER]).await, fixture.holder(&[OTHER]).await);
    fixture.bind(&gate, account, own, DAY).await;
    delegate(&fixture, vault, hot, u64::MAX).await;
    let session = fixture.session(&gate, account, own, None, ("paid", Direct)).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(busy, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, other).await;

    let before = slow_down(&fixture);
    fixture.transfer(buyer, busy, OTHER).await;
    until_a_restore_has_begun(&fixture, before).await;
    let asked = fixture.asked.count();
    fixture.transfer(own, fixture.new_wallet(), OTHER).await;
    fixture.wait_until("the other basis is asked about", || fixture.asked.count() >= asked + 3).await;
    fixture.transfer(vault, fixture.new_wallet(), OTHER).await;
    let sold = Instant::now();
    assert_eq!(fixture.wait_until_evicted(&gate, session).await, Some(EvictionCause::NoCard));
    assert!(sold.elapsed() < EVICTION_LIMIT, "took {:?}", sold.elapsed());
    gate.end().await;
}
