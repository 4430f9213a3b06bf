//! Enforcement against a real EVM: whatever ends a right, ends the tunnel, and nothing else does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod attacks;
mod devices;
mod house;
mod intents;
mod notes;
mod races;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use house::{DEPLOYER, FREE_PLAN, House, OTHER, THIS, counted, now, safeBatchTransferFromCall};
use sentinel_proto::hub::SessionKind::{Direct, Plan};
use serde_json::json;
use sovereign_contracts::nft_delegation::{
    self,
    INFTDelegation::{registerDelegationAddressCall, revokeDelegationAddressCall},
};
use sovereign_gate::enforce::Target;
use sovereign_gate::store::{Cause, SessionState};

const DAY: i64 = 24 * 3600;

async fn delegate(house: &House, vault: Address, hot: Address, expiry: u64) {
    let call = registerDelegationAddressCall {
        collection: house.memes,
        delegate: hot,
        expiry: U256::from(expiry),
        useCase: U256::from(1),
        allTokens: true,
        tokenId: U256::ZERO,
    };
    house.chain.call(vault, nft_delegation::MAINNET, &call).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_card_goes_and_comes_back() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    let (_, other) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    assert!(house.passes(session));
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    let sold = Instant::now();
    assert_eq!(house.out(&gate, session).await, Some(Cause::NoCard));
    assert!(sold.elapsed() < Duration::from_secs(5), "took {:?}", sold.elapsed());
    house.transfer(buyer, wallet, OTHER).await;
    house.is_in(&gate, session).await;
    assert!(house.passes(other), "somebody else's tunnel");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_burn_and_self_transfer() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (batch, first) = house.guest(&gate, &[OTHER, 4]).await;
    let (burner, second) = house.guest(&gate, &[OTHER]).await;
    let (keeper, third) = house.guest(&gate, &[OTHER]).await;
    let (one_of_two, fourth) = house.guest(&gate, &[OTHER, 4]).await;
    house.settled(&gate).await;
    let call = safeBatchTransferFromCall {
        from: batch,
        to: house.somebody(),
        ids: vec![U256::from(OTHER), U256::from(4)],
        amounts: vec![U256::from(1); 2],
        data: Vec::new().into(),
    };
    house.chain.call(batch, house.memes, &call).await.unwrap();
    house.transfer(burner, Address::repeat_byte(0xde), OTHER).await;
    house.transfer(keeper, keeper, OTHER).await;
    house.transfer(one_of_two, house.somebody(), 4).await;
    house.out(&gate, first).await;
    house.out(&gate, second).await;
    house.settled(&gate).await;
    assert!(house.passes(third), "a transfer to oneself takes nothing");
    assert!(house.passes(fourth), "one of two cards is left");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_came_through_a_vault_goes_with_it() {
    let house = House::build().await;
    let gate = house.gate().await;
    let vault = house.holder(&[THIS]).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let (hot, account) = (house.somebody(), house.account());
        delegate(&house, vault, hot, u64::MAX).await;
        house.bind(&gate, account, hot, DAY).await;
        sessions.push((hot, house.session(&gate, account, hot, Some(vault), ("free", Direct)).await));
    }
    let (hot, by_revoked) = sessions[1];
    house.settled(&gate).await;
    assert!(house.passes(sessions[0].1) && house.passes(by_revoked));
    let revoke =
        revokeDelegationAddressCall { collection: house.memes, delegate: hot, useCase: U256::from(1) };
    house.chain.call(vault, nft_delegation::MAINNET, &revoke).await.unwrap();
    house.out(&gate, by_revoked).await;
    assert!(house.passes(sessions[0].1), "the other's delegation stands");
    house.transfer(vault, house.somebody(), THIS).await;
    house.out(&gate, sessions[0].1).await;
    gate.end().await;
}

/// Nothing happens on the chain when a delegation ends, not even a block.
#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_ends_by_itself() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (vault, hot, account) = (house.holder(&[OTHER]).await, house.somebody(), house.account());
    delegate(&house, vault, hot, now() + 6).await;
    house.bind(&gate, account, hot, DAY).await;
    let session = house.session(&gate, account, hot, Some(vault), ("paid", Direct)).await;
    gate.enforcer.account_changed(&account);
    house
        .until("its end is known", || {
            gate.store.session(session).is_some_and(|record| record.expires_at < now().cast_signed() + 10)
        })
        .await;
    assert!(house.passes(session));
    house.out(&gate, session).await;
    gate.end().await;
}

/// Another right keeps the tunnel: a second vault, a paid card, another sign-in of the account.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_still_qualifies_stays_and_loses_only_what_the_tier_may_not_use() {
    let house = House::build().await;
    let gate = house.gate().await;
    let wallet = house.holder(&[THIS, OTHER]).await;
    let account = house.account();
    house.bind(&gate, account, wallet, DAY).await;
    let direct = house.session(&gate, account, wallet, None, ("free", Direct)).await;
    let plan = house.session(&gate, account, wallet, None, ("free", Plan(FREE_PLAN))).await;
    let friend = house.holder(&[OTHER]).await;
    house.settled(&gate).await;
    house.transfer(wallet, house.somebody(), THIS).await;
    assert_eq!(house.out(&gate, plan).await, Some(Cause::SessionKind));
    house
        .until("the direct session is of the paid tier", || {
            gate.store.session(direct).is_some_and(|record| record.tier == "paid")
        })
        .await;
    assert!(house.passes(direct));
    house.bind(&gate, account, friend, DAY).await;
    house.transfer(wallet, house.somebody(), OTHER).await;
    house
        .until("the session rests on the other sign-in", || {
            gate.store.session(direct).is_some_and(|record| record.wallet == Some(friend))
        })
        .await;
    assert!(house.passes(direct), "without a blink");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_people_whom_nobody_knows_cost_no_question() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let before = house.asked.count();
    for _ in 0..50 {
        house.give(house.somebody(), OTHER).await;
    }
    house.settled(&gate).await;
    assert_eq!(house.asked.count(), before);
    house.transfer(wallet, house.somebody(), OTHER).await;
    house.out(&gate, session).await;
    assert!(house.asked.count() > before, "the questions are counted");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_gate_was_down_counts() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    let (_, stays) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    gate.end().await;
    house.transfer(wallet, house.somebody(), OTHER).await;
    let gate = house.gate().await;
    house.out(&gate, session).await;
    assert!(house.passes(stays));
    // Written as out, and in the tunnel again: a repeated handshake at the node, or an end in the wrong moment.
    house.tunnel.peers().insert(format!("peer {session}"), true);
    gate.end().await;
    let gate = house.gate().await;
    house.out(&gate, session).await;
    gate.end().await;
}

/// The lockdown begins and is done with everybody while the hub is asked about somebody who is to come back.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_back_into_a_lockdown() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    house.out(&gate, session).await;
    house.hub.state().delay = Duration::from_millis(1000);
    let before = house.hub.state().count("QuerySession");
    house.transfer(buyer, wallet, OTHER).await;
    house.until("the hub is asked", || house.hub.state().count("QuerySession") > before).await;
    gate.enforcer.lock_down("intruder").await.unwrap();
    let lets_back = || gate.store.session(session).unwrap().cause == Some(Cause::Lockdown);
    house.until("it came back and went", lets_back).await;
    house.until("it is out", || !house.passes(session)).await;
    gate.end().await;
}

/// Nothing of that is an event: the operator's new policy, a sign-in that was ended when nobody could look any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_changed_besides_ethereum_while_the_gate_was_down_counts() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (denied, first) = house.guest(&gate, &[OTHER]).await;
    let (unbound, second) = house.guest(&gate, &[OTHER]).await;
    let (_, stays) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let account = gate.store.session(second).unwrap().account;
    let binding = gate.store.bindings_of(&account).into_iter().find(|binding| binding.wallet == unbound);
    gate.store.delete(&binding.unwrap()).await.unwrap();
    assert!(house.passes(second), "nobody was told");
    gate.end().await;
    let gate = house.gate_with(|policy| policy.deny_wallets = vec![denied], 60).await;
    assert_eq!(house.out(&gate, first).await, Some(Cause::Denied));
    assert_eq!(house.out(&gate, second).await, Some(Cause::Unbound));
    house.settled(&gate).await;
    assert!(house.passes(stays));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_is_undone_and_done_again() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    house.transfer(wallet, buyer, OTHER).await;
    house.out(&gate, session).await;
    house.chain.rpc("anvil_reorg", json!([1, []])).await.unwrap();
    house.is_in(&gate, session).await;
    house.transfer(wallet, buyer, OTHER).await;
    house.out(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_comes_with_every_source_dead_and_a_new_sign_in_before_it_is_not_felt() {
    let mut house = House::build().await;
    let gate = house.gate().await;
    let (wallet, renewed) = house.guest(&gate, &[OTHER]).await;
    let (_, ends) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let account = gate.store.session(renewed).unwrap().account;
    house.bind(&gate, account, wallet, 2 * DAY).await;
    house
        .until("the sign-in counts", || {
            gate.store
                .session(renewed)
                .is_some_and(|record| record.expires_at > now().cast_signed() + DAY + 60)
        })
        .await;
    let (other, _) = sovereign_contracts::dev::Anvil::start_with_stand_ins(&[]).await.unwrap();
    drop(std::mem::replace(&mut house.anvil, other));
    house.clock.ahead(DAY as u64 + 5);
    assert_eq!(house.out(&gate, ends).await, Some(Cause::Expired));
    assert!(house.passes(renewed));
    // The clock was wrong: what it ended comes back once somebody can be asked. Here nobody can.
    house.clock.ahead(2 * DAY as u64 + 5);
    house.out(&gate, renewed).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumped_gives_back_what_it_took() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (_, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    house.clock.ahead(2 * DAY as u64);
    assert_eq!(house.out(&gate, session).await, Some(Cause::Expired));
    house.clock.ahead(0);
    house.is_in(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_does_not_answer_is_told_until_it_does() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    house.tunnel.broken.store(true, Ordering::SeqCst);
    house.transfer(wallet, house.somebody(), OTHER).await;
    house
        .until("it is written first", || {
            gate.store.session(session).is_some_and(|record| record.state == SessionState::Evicted)
        })
        .await;
    assert!(house.passes(session));
    house.tunnel.broken.store(false, Ordering::SeqCst);
    house.out(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tunnel_is_compared_with_the_records() {
    let house = House::build().await;
    let gate = house.gate_with(|_| {}, 60).await;
    let (_, lost) = house.guest(&gate, &[OTHER]).await;
    let (_, shut) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    house.tunnel.peers().remove(&format!("peer {lost}"));
    house.tunnel.peers().insert(format!("peer {shut}"), false);
    house.is_in(&gate, shut).await;
    assert_eq!(house.out(&gate, lost).await, Some(Cause::Lost));
    let holder = gate.store.session(lost).unwrap().wallet.unwrap();
    assert!(gate.store.places_of(holder).is_empty(), "it takes no place");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_nobody_admitted_goes_unless_it_may_be_a_probes() {
    let house = House::build().await;
    let probe = house.account();
    let gate = house.gate_with(|policy| policy.allow_accounts.push(probe), 60).await;
    let (_, session) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    house.tunnel.peers().insert("stranger".to_owned(), true);
    house.until("the stranger is out", || !house.tunnel.peers()["stranger"]).await;
    assert!(house.passes(session));
    // A session of a probe that is written down nowhere.
    let id = house.unrecorded(probe);
    tokio::time::sleep(Duration::from_secs(2)).await;
    house.tunnel.peers().insert("whose".to_owned(), true);
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(house.tunnel.peers()["whose"], "session {id} may be its");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_deeds_are_done_and_written_down() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (_, one) = house.guest(&gate, &[OTHER]).await;
    let (wallet, two) = house.guest(&gate, &[OTHER]).await;
    let (_, three) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    assert_eq!(gate.enforcer.drop_sessions(Target::Session(one), "abuse").await.unwrap(), 1);
    assert_eq!(gate.enforcer.drop_sessions(Target::Wallet(wallet), "court order").await.unwrap(), 1);
    assert!(!house.passes(one) && !house.passes(two) && house.passes(three));
    assert_eq!(gate.enforcer.lock_down("intruder").await.unwrap(), 1);
    assert!(!house.passes(three) && gate.store.paused().is_some_and(|pause| pause.reason == "intruder"));
    gate.end().await;
    let gate = house.gate().await;
    assert!(gate.store.paused().is_some(), "a restart ends no pause");
    gate.enforcer.pause(false, "it is over").await.unwrap();
    assert!(gate.store.paused().is_none());
    gate.enforcer.everything_changed();
    house.settled(&gate).await;
    assert!([one, two, three].iter().all(|session| !house.passes(*session)), "nobody comes back by himself");
    let deeds = gate.store.audit_log(10).await.unwrap();
    let told: Vec<_> = deeds.iter().map(|deed| (deed.action.as_str(), deed.reason.as_str())).collect();
    assert_eq!(told[0], ("resume", "it is over"));
    assert_eq!(told.last(), Some(&("drop", "abuse")));
    assert_eq!(counted(deeds.iter().map(|deed| deed.action.as_str()))["lockdown"], 1);
    gate.end().await;
}

/// Whoever is out for want of a card would come back with it: not if the operator has dropped him meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_dropped_while_he_is_out_stays_out() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, dropped) = house.guest(&gate, &[OTHER]).await;
    let (other, comes_back) = house.guest(&gate, &[OTHER]).await;
    house.settled(&gate).await;
    let buyer = house.somebody();
    for (seller, session) in [(wallet, dropped), (other, comes_back)] {
        house.transfer(seller, buyer, OTHER).await;
        assert_eq!(house.out(&gate, session).await, Some(Cause::NoCard));
    }
    assert_eq!(gate.enforcer.drop_sessions(Target::Wallet(wallet), "abuse").await.unwrap(), 0, "no tunnel");
    assert_eq!(gate.store.session(dropped).unwrap().cause, Some(Cause::Dropped));
    house.transfer(buyer, wallet, OTHER).await;
    house.transfer(buyer, other, OTHER).await;
    house.is_in(&gate, comes_back).await;
    house.settled(&gate).await;
    assert!(!house.passes(dropped));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_exported_and_forgotten() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, session) = house.guest(&gate, &[OTHER]).await;
    let (other, _) = house.guest(&gate, &[OTHER]).await;
    let kept = gate.store.kept_of(wallet).await.unwrap();
    assert_eq!((kept.bindings.len(), kept.sessions.len()), (1, 1));
    assert_eq!(kept.bindings[0].message, "signed");
    house.bind_with(&gate, house.account(), house.somebody(), wallet).await;
    assert!(speak_of(&house, wallet), "it is in the file in all these forms");
    gate.enforcer.drop_sessions(Target::Wallet(wallet), "asked for it").await.unwrap();
    assert_eq!(gate.enforcer.erase(wallet, "asked for it").await.unwrap(), 0);
    assert_eq!(gate.store.kept_of(wallet).await.unwrap(), sovereign_gate::store::Kept::default());
    assert!(!speak_of(&house, wallet), "in no form, not even where it was deleted");
    assert_eq!(gate.store.session(session).unwrap().wallet, None);
    assert_eq!(gate.store.kept_of(other).await.unwrap().bindings.len(), 1);
    gate.end().await;
    // Nothing in the file speaks of it any more, and its tunnel key stays refused.
    let gate = house.gate().await;
    assert_eq!(gate.store.kept_of(wallet).await.unwrap(), sovereign_gate::store::Kept::default());
    assert_eq!(gate.store.peer_in_use("wireguard", &format!("peer {session}")), Some(session));
    gate.end().await;
}

/// Whether the database or its log has a wallet in it, as bytes or as text.
fn speak_of(house: &House, wallet: Address) -> bool {
    let forms = [wallet.to_vec(), wallet.to_checksum(None).into_bytes(), format!("{wallet:#x}").into_bytes()];
    ["gate.db", "gate.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(house.home().join(name)).unwrap_or_default();
        forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
    })
}

/// A thousand holders, an airdrop of thousands, and among them some sales.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sessions_and_ten_thousand_transfers_in_one_block() {
    const SESSIONS: usize = 1000;
    const SOLD: usize = 100;
    let house = House::build_with(&["--gas-limit", "3000000000"]).await;
    let gate = house.gate().await;
    let vault = house.holder(&[OTHER]).await;
    let mut sessions = Vec::new();
    house.chain.rpc("evm_setAutomine", json!([false])).await.unwrap();
    let mut wallets = Vec::new();
    for _ in 0..SESSIONS {
        let wallet = house.somebody();
        wallets.push(wallet);
    }
    mint_to(&house, &wallets).await;
    house.chain.rpc("evm_mine", json!([])).await.unwrap();
    for wallet in &wallets {
        let account = house.account();
        house.bind(&gate, account, *wallet, DAY).await;
        sessions.push(house.session(&gate, account, *wallet, None, ("paid", Direct)).await);
    }
    house.settled(&gate).await;
    assert!(sessions.iter().all(|session| house.passes(*session)));
    for number in 0..10_u64 {
        let data = range(vault, 100 + 1000 * number, 1000);
        send(&house, DEPLOYER, data, "0x5000000").await;
    }
    for wallet in &wallets[..SOLD] {
        let call = house::safeTransferFromCall {
            from: *wallet,
            to: vault,
            id: U256::from(5),
            amount: U256::from(1),
            data: Vec::new().into(),
        };
        house.chain.rpc("anvil_impersonateAccount", json!([wallet])).await.unwrap();
        house.chain.rpc("anvil_setBalance", json!([wallet, "0x56bc75e2d63100000"])).await.unwrap();
        send(&house, *wallet, alloy::sol_types::SolCall::abi_encode(&call), "0x40000").await;
    }
    house.chain.rpc("evm_mine", json!([])).await.unwrap();
    let mined = Instant::now();
    for session in &sessions[..SOLD] {
        house.out(&gate, *session).await;
    }
    let took = mined.elapsed();
    house.settled(&gate).await;
    assert!(sessions[SOLD..].iter().all(|session| house.passes(*session)), "only the sellers");
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(house.tunnel.orders.load(Ordering::SeqCst) < SOLD as u64, "evictions share orders");
    gate.end().await;
}

fn range(to: Address, first: u64, count: u64) -> Vec<u8> {
    alloy::sol! { function mintRange(address to, uint256 first, uint256 count) external; }
    let call = mintRangeCall { to, first: U256::from(first), count: U256::from(count) };
    alloy::sol_types::SolCall::abi_encode(&call)
}

async fn mint_to(house: &House, wallets: &[Address]) {
    alloy::sol! { function mint(address to, uint256 id, uint256 amount) external; }
    for wallet in wallets {
        let call = mintCall { to: *wallet, id: U256::from(5), amount: U256::from(1) };
        send(house, DEPLOYER, alloy::sol_types::SolCall::abi_encode(&call), "0x40000").await;
    }
}

async fn send(house: &House, from: Address, data: Vec<u8>, gas: &str) {
    let data = alloy::primitives::Bytes::from(data);
    let send = json!([{ "from": from, "to": house.memes, "data": data, "gas": gas }]);
    house.chain.rpc("eth_sendTransaction", send).await.unwrap();
}
