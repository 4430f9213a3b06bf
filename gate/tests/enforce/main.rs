//! Enforcement against a real EVM: whatever ends a right, ends the tunnel, and nothing else does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod attacks;
mod devices;
mod fake_tunnel;
mod fixture;
mod intents;
mod races;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use fixture::{DEPLOYER, FREE_PLAN, Fixture, OTHER, THIS, counted, now, safeBatchTransferFromCall};
use sentinel_proto::hub::SessionKind::{Direct, Plan};
use serde_json::json;
use sovereign_contracts::nft_delegation::{
    self,
    INFTDelegation::{registerDelegationAddressCall, revokeDelegationAddressCall},
};
use sovereign_gate::enforce::Target;
use sovereign_gate::store::{EvictionCause, SessionState};

const DAY: i64 = 24 * 3600;

async fn delegate(fixture: &Fixture, vault: Address, hot: Address, expiry: u64) {
    let call = registerDelegationAddressCall {
        collection: fixture.memes,
        delegate: hot,
        expiry: U256::from(expiry),
        useCase: U256::from(1),
        allTokens: true,
        tokenId: U256::ZERO,
    };
    fixture.chain.call(vault, nft_delegation::MAINNET, &call).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn evicts_when_only_card_leaves_and_restores_when_it_returns() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, other) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(session));
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    let sold = Instant::now();
    assert_eq!(fixture.wait_until_evicted(&gate, session).await, Some(EvictionCause::NoCard));
    assert!(sold.elapsed() < Duration::from_secs(5), "took {:?}", sold.elapsed());
    fixture.transfer(buyer, wallet, OTHER).await;
    fixture.wait_until_live(&gate, session).await;
    assert!(fixture.passes(other), "somebody else's tunnel");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_batch_transfer_burn_and_self_transfer() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (batch, first) = fixture.holder_with_session(&gate, &[OTHER, 4]).await;
    let (burner, second) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (keeper, third) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (one_of_two, fourth) = fixture.holder_with_session(&gate, &[OTHER, 4]).await;
    fixture.wait_for_events(&gate).await;
    let call = safeBatchTransferFromCall {
        from: batch,
        to: fixture.new_wallet(),
        ids: vec![U256::from(OTHER), U256::from(4)],
        amounts: vec![U256::from(1); 2],
        data: Vec::new().into(),
    };
    fixture.chain.call(batch, fixture.memes, &call).await.unwrap();
    fixture.transfer(burner, Address::repeat_byte(0xde), OTHER).await;
    fixture.transfer(keeper, keeper, OTHER).await;
    fixture.transfer(one_of_two, fixture.new_wallet(), 4).await;
    fixture.wait_until_evicted(&gate, first).await;
    fixture.wait_until_evicted(&gate, second).await;
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(third), "a transfer to oneself takes nothing");
    assert!(fixture.passes(fourth), "one of two cards is left");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evicts_all_delegates_of_a_vault() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let vault = fixture.holder(&[THIS]).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let (hot, account) = (fixture.new_wallet(), fixture.account());
        delegate(&fixture, vault, hot, u64::MAX).await;
        fixture.bind(&gate, account, hot, DAY).await;
        sessions.push((hot, fixture.session(&gate, account, hot, Some(vault), ("free", Direct)).await));
    }
    let (hot, by_revoked) = sessions[1];
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(sessions[0].1) && fixture.passes(by_revoked));
    let revoke =
        revokeDelegationAddressCall { collection: fixture.memes, delegate: hot, useCase: U256::from(1) };
    fixture.chain.call(vault, nft_delegation::MAINNET, &revoke).await.unwrap();
    fixture.wait_until_evicted(&gate, by_revoked).await;
    assert!(fixture.passes(sessions[0].1), "the other's delegation stands");
    fixture.transfer(vault, fixture.new_wallet(), THIS).await;
    fixture.wait_until_evicted(&gate, sessions[0].1).await;
    gate.end().await;
}

/// Nothing happens on the chain when a delegation ends, not even a block.
#[tokio::test(flavor = "multi_thread")]
async fn evicts_when_delegation_expires() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (vault, hot, account) = (fixture.holder(&[OTHER]).await, fixture.new_wallet(), fixture.account());
    delegate(&fixture, vault, hot, now() + 6).await;
    fixture.bind(&gate, account, hot, DAY).await;
    let session = fixture.session(&gate, account, hot, Some(vault), ("paid", Direct)).await;
    gate.enforcer.account_changed(&account);
    fixture
        .wait_until("its end is known", || {
            gate.store
                .sessions()
                .get(session)
                .is_some_and(|record| record.expires_at < now().cast_signed() + 10)
        })
        .await;
    assert!(fixture.passes(session));
    fixture.wait_until_evicted(&gate, session).await;
    gate.end().await;
}

/// Another right keeps the tunnel: a second vault, a paid card, another sign-in of the account.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_sessions_that_another_basis_entitles() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let wallet = fixture.holder(&[THIS, OTHER]).await;
    let account = fixture.account();
    fixture.bind(&gate, account, wallet, DAY).await;
    let direct = fixture.session(&gate, account, wallet, None, ("free", Direct)).await;
    let plan = fixture.session(&gate, account, wallet, None, ("free", Plan(FREE_PLAN))).await;
    let friend = fixture.holder(&[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    fixture.transfer(wallet, fixture.new_wallet(), THIS).await;
    assert_eq!(fixture.wait_until_evicted(&gate, plan).await, Some(EvictionCause::SessionKind));
    fixture
        .wait_until("the direct session is of the paid tier", || {
            gate.store.sessions().get(direct).is_some_and(|record| record.tier == "paid")
        })
        .await;
    assert!(fixture.passes(direct));
    fixture.bind(&gate, account, friend, DAY).await;
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    fixture
        .wait_until("the session rests on the other sign-in", || {
            gate.store.sessions().get(direct).is_some_and(|record| record.wallet == Some(friend))
        })
        .await;
    assert!(fixture.passes(direct), "without a blink");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_unknown_wallets_cost_no_read() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let before = fixture.asked.count();
    for _ in 0..50 {
        fixture.mint_card(fixture.new_wallet(), OTHER).await;
    }
    fixture.wait_for_events(&gate).await;
    assert_eq!(fixture.asked.count(), before);
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;
    assert!(fixture.asked.count() > before, "the questions are counted");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_events_from_downtime() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, stays) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    gate.end().await;
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    let gate = fixture.gate().await;
    fixture.wait_until_evicted(&gate, session).await;
    assert!(fixture.passes(stays));
    // Written as out, and in the tunnel again: a repeated handshake at the node, or an end in the wrong moment.
    fixture.tunnel.peers().insert(format!("peer {session}"), true);
    gate.end().await;
    let gate = fixture.gate().await;
    fixture.wait_until_evicted(&gate, session).await;
    gate.end().await;
}

/// The lockdown begins and is done with everybody while the hub is asked about somebody who is to come back.
#[tokio::test(flavor = "multi_thread")]
async fn restores_no_session_during_lockdown() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;
    fixture.hub.state().delay = Duration::from_millis(1000);
    let before = fixture.hub.state().count("QuerySession");
    fixture.transfer(buyer, wallet, OTHER).await;
    fixture.wait_until("the hub is asked", || fixture.hub.state().count("QuerySession") > before).await;
    gate.enforcer.operator_actions().lock_down("intruder").await.unwrap();
    let lets_back = || gate.store.sessions().get(session).unwrap().cause == Some(EvictionCause::Lockdown);
    fixture.wait_until("it came back and went", lets_back).await;
    fixture.wait_until("it is out", || !fixture.passes(session)).await;
    gate.end().await;
}

/// Nothing of that is an event: the operator's new policy, a sign-in that was ended when nobody could look any more.
#[tokio::test(flavor = "multi_thread")]
async fn handles_policy_and_binding_changes_from_downtime() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (denied, first) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (unbound, second) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, stays) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let account = gate.store.sessions().get(second).unwrap().account;
    let binding =
        gate.store.bindings().of_account(&account).into_iter().find(|binding| binding.wallet == unbound);
    gate.store.bindings().delete(&binding.unwrap()).await.unwrap();
    assert!(fixture.passes(second), "nobody was told");
    gate.end().await;
    let gate = fixture.gate_with(|policy| policy.deny_wallets = vec![denied], 60).await;
    assert_eq!(fixture.wait_until_evicted(&gate, first).await, Some(EvictionCause::Denied));
    assert_eq!(fixture.wait_until_evicted(&gate, second).await, Some(EvictionCause::Unbound));
    fixture.wait_for_events(&gate).await;
    assert!(fixture.passes(stays));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_sale_reverted_by_reorg() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    fixture.transfer(wallet, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;
    fixture.chain.rpc("anvil_reorg", json!([1, []])).await.unwrap();
    fixture.wait_until_live(&gate, session).await;
    fixture.transfer(wallet, buyer, OTHER).await;
    fixture.wait_until_evicted(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expires_without_sources_unless_signed_in_again() {
    let mut fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, renewed) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, ends) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let account = gate.store.sessions().get(renewed).unwrap().account;
    fixture.bind(&gate, account, wallet, 2 * DAY).await;
    fixture
        .wait_until("the sign-in counts", || {
            gate.store
                .sessions()
                .get(renewed)
                .is_some_and(|record| record.expires_at > now().cast_signed() + DAY + 60)
        })
        .await;
    let (other, _) = sovereign_contracts::dev::Anvil::start_with_stand_ins(&[]).await.unwrap();
    drop(std::mem::replace(&mut fixture.anvil, other));
    fixture.clock.ahead(DAY as u64 + 5);
    assert_eq!(fixture.wait_until_evicted(&gate, ends).await, Some(EvictionCause::Expired));
    assert!(fixture.passes(renewed));
    // The clock was wrong: what it ended comes back once somebody can be asked. Here nobody can.
    fixture.clock.ahead(2 * DAY as u64 + 5);
    fixture.wait_until_evicted(&gate, renewed).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_session_expired_by_clock_jump() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (_, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    fixture.clock.ahead(2 * DAY as u64);
    assert_eq!(fixture.wait_until_evicted(&gate, session).await, Some(EvictionCause::Expired));
    fixture.clock.ahead(0);
    fixture.wait_until_live(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_eviction_until_tunnel_answers() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    fixture.tunnel.broken.store(true, Ordering::SeqCst);
    fixture.transfer(wallet, fixture.new_wallet(), OTHER).await;
    fixture
        .wait_until("it is written first", || {
            gate.store.sessions().get(session).is_some_and(|record| record.state == SessionState::Evicted)
        })
        .await;
    assert!(fixture.passes(session));
    fixture.tunnel.broken.store(false, Ordering::SeqCst);
    fixture.wait_until_evicted(&gate, session).await;
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciles_tunnel_with_records() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate_with(|_| {}, 60).await;
    let (_, lost) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, shut) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    fixture.tunnel.peers().remove(&format!("peer {lost}"));
    fixture.tunnel.peers().insert(format!("peer {shut}"), false);
    fixture.wait_until_live(&gate, shut).await;
    assert_eq!(fixture.wait_until_evicted(&gate, lost).await, Some(EvictionCause::Lost));
    let holder = gate.store.sessions().get(lost).unwrap().wallet.unwrap();
    assert!(gate.store.sessions().in_device_slots(holder).is_empty(), "it takes no place");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_unknown_peer_unless_it_may_be_a_probe() {
    let fixture = Fixture::build().await;
    let probe = fixture.account();
    let gate = fixture.gate_with(|policy| policy.allow_accounts.push(probe), 60).await;
    let (_, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    fixture.tunnel.peers().insert("stranger".to_owned(), true);
    fixture.wait_until("the stranger is out", || !fixture.tunnel.peers()["stranger"]).await;
    assert!(fixture.passes(session));
    // A session of a probe that is written down nowhere.
    let id = fixture.hub_session(probe);
    tokio::time::sleep(Duration::from_secs(2)).await;
    fixture.tunnel.peers().insert("whose".to_owned(), true);
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(fixture.tunnel.peers()["whose"], "session {id} may be its");
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executes_and_audits_operator_actions() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (_, one) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (wallet, two) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (_, three) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    assert_eq!(
        gate.enforcer.operator_actions().drop_sessions(Target::Session(one), "abuse").await.unwrap(),
        1
    );
    assert_eq!(
        gate.enforcer.operator_actions().drop_sessions(Target::Wallet(wallet), "court order").await.unwrap(),
        1
    );
    assert!(!fixture.passes(one) && !fixture.passes(two) && fixture.passes(three));
    assert_eq!(gate.enforcer.operator_actions().lock_down("intruder").await.unwrap(), 1);
    assert!(
        !fixture.passes(three)
            && gate.store.pauses().current().is_some_and(|pause| pause.reason == "intruder")
    );
    gate.end().await;
    let gate = fixture.gate().await;
    assert!(gate.store.pauses().current().is_some(), "a restart ends no pause");
    gate.enforcer.operator_actions().pause(false, "it is over").await.unwrap();
    assert!(gate.store.pauses().current().is_none());
    gate.enforcer.everything_changed();
    fixture.wait_for_events(&gate).await;
    assert!(
        [one, two, three].iter().all(|session| !fixture.passes(*session)),
        "nobody comes back by himself"
    );
    let deeds = gate.store.audit().entries(10).await.unwrap();
    let told: Vec<_> = deeds.iter().map(|deed| (deed.action.as_str(), deed.reason.as_str())).collect();
    assert_eq!(told[0], ("resume", "it is over"));
    assert_eq!(told.last(), Some(&("drop", "abuse")));
    assert_eq!(counted(deeds.iter().map(|deed| deed.action.as_str()))["lockdown"], 1);
    gate.end().await;
}

/// Whoever is out for want of a card would come back with it: not if the operator has dropped him meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn does_not_restore_session_dropped_while_evicted() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, dropped) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (other, comes_back) = fixture.holder_with_session(&gate, &[OTHER]).await;
    fixture.wait_for_events(&gate).await;
    let buyer = fixture.new_wallet();
    for (seller, session) in [(wallet, dropped), (other, comes_back)] {
        fixture.transfer(seller, buyer, OTHER).await;
        assert_eq!(fixture.wait_until_evicted(&gate, session).await, Some(EvictionCause::NoCard));
    }
    assert_eq!(
        gate.enforcer.operator_actions().drop_sessions(Target::Wallet(wallet), "abuse").await.unwrap(),
        0,
        "no tunnel"
    );
    assert_eq!(gate.store.sessions().get(dropped).unwrap().cause, Some(EvictionCause::Dropped));
    fixture.transfer(buyer, wallet, OTHER).await;
    fixture.transfer(buyer, other, OTHER).await;
    fixture.wait_until_live(&gate, comes_back).await;
    fixture.wait_for_events(&gate).await;
    assert!(!fixture.passes(dropped));
    gate.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_and_erases_a_wallet() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, session) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let (other, _) = fixture.holder_with_session(&gate, &[OTHER]).await;
    let kept = gate.store.wallet_data().export(wallet).await.unwrap();
    assert_eq!((kept.bindings.len(), kept.sessions.len()), (1, 1));
    assert_eq!(kept.bindings[0].message, "signed");
    fixture.bind_with(&gate, fixture.account(), fixture.new_wallet(), wallet).await;
    assert!(speak_of(&fixture, wallet), "it is in the file in all these forms");
    gate.enforcer.operator_actions().drop_sessions(Target::Wallet(wallet), "asked for it").await.unwrap();
    assert_eq!(gate.enforcer.operator_actions().erase(wallet, "asked for it").await.unwrap(), 0);
    assert_eq!(
        gate.store.wallet_data().export(wallet).await.unwrap(),
        sovereign_gate::store::WalletExport::default()
    );
    assert!(!speak_of(&fixture, wallet), "in no form, not even where it was deleted");
    assert_eq!(gate.store.sessions().get(session).unwrap().wallet, None);
    assert_eq!(gate.store.wallet_data().export(other).await.unwrap().bindings.len(), 1);
    gate.end().await;
    // Nothing in the file speaks of it any more, and its tunnel key stays refused.
    let gate = fixture.gate().await;
    assert_eq!(
        gate.store.wallet_data().export(wallet).await.unwrap(),
        sovereign_gate::store::WalletExport::default()
    );
    assert_eq!(gate.store.sessions().using_peer("wireguard", &format!("peer {session}")), Some(session));
    gate.end().await;
}

/// Whether the database or its log has a wallet in it, as bytes or as text.
fn speak_of(fixture: &Fixture, wallet: Address) -> bool {
    let forms = [wallet.to_vec(), wallet.to_checksum(None).into_bytes(), format!("{wallet:#x}").into_bytes()];
    ["gate.db", "gate.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(fixture.home().join(name)).unwrap_or_default();
        forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
    })
}

/// A thousand holders, an airdrop of thousands, and among them some sales.
#[tokio::test(flavor = "multi_thread")]
async fn handles_ten_thousand_transfers_in_one_block() {
    const SESSIONS: usize = 1000;
    const SOLD: usize = 100;
    let fixture = Fixture::build_with(&["--gas-limit", "3000000000"]).await;
    let gate = fixture.gate().await;
    let vault = fixture.holder(&[OTHER]).await;
    let mut sessions = Vec::new();
    fixture.chain.rpc("evm_setAutomine", json!([false])).await.unwrap();
    let mut wallets = Vec::new();
    for _ in 0..SESSIONS {
        let wallet = fixture.new_wallet();
        wallets.push(wallet);
    }
    mint_to(&fixture, &wallets).await;
    fixture.chain.rpc("evm_mine", json!([])).await.unwrap();
    for wallet in &wallets {
        let account = fixture.account();
        fixture.bind(&gate, account, *wallet, DAY).await;
        sessions.push(fixture.session(&gate, account, *wallet, None, ("paid", Direct)).await);
    }
    fixture.wait_for_events(&gate).await;
    assert!(sessions.iter().all(|session| fixture.passes(*session)));
    for number in 0..10_u64 {
        let data = range(vault, 100 + 1000 * number, 1000);
        send(&fixture, DEPLOYER, data, "0x5000000").await;
    }
    for wallet in &wallets[..SOLD] {
        let call = fixture::safeTransferFromCall {
            from: *wallet,
            to: vault,
            id: U256::from(5),
            amount: U256::from(1),
            data: Vec::new().into(),
        };
        fixture.chain.rpc("anvil_impersonateAccount", json!([wallet])).await.unwrap();
        fixture.chain.rpc("anvil_setBalance", json!([wallet, "0x56bc75e2d63100000"])).await.unwrap();
        send(&fixture, *wallet, alloy::sol_types::SolCall::abi_encode(&call), "0x40000").await;
    }
    fixture.chain.rpc("evm_mine", json!([])).await.unwrap();
    let mined = Instant::now();
    for session in &sessions[..SOLD] {
        fixture.wait_until_evicted(&gate, *session).await;
    }
    let took = mined.elapsed();
    fixture.wait_for_events(&gate).await;
    assert!(sessions[SOLD..].iter().all(|session| fixture.passes(*session)), "only the sellers");
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(fixture.tunnel.orders.load(Ordering::SeqCst) < SOLD as u64, "evictions share orders");
    gate.end().await;
}

fn range(to: Address, first: u64, count: u64) -> Vec<u8> {
    alloy::sol! { function mintRange(address to, uint256 first, uint256 count) external; }
    let call = mintRangeCall { to, first: U256::from(first), count: U256::from(count) };
    alloy::sol_types::SolCall::abi_encode(&call)
}

async fn mint_to(fixture: &Fixture, wallets: &[Address]) {
    alloy::sol! { function mint(address to, uint256 id, uint256 amount) external; }
    for wallet in wallets {
        let call = mintCall { to: *wallet, id: U256::from(5), amount: U256::from(1) };
        send(fixture, DEPLOYER, alloy::sol_types::SolCall::abi_encode(&call), "0x40000").await;
    }
}

async fn send(fixture: &Fixture, from: Address, data: Vec<u8>, gas: &str) {
    let data = alloy::primitives::Bytes::from(data);
    let send = json!([{ "from": from, "to": fixture.memes, "data": data, "gas": gas }]);
    fixture.chain.rpc("eth_sendTransaction", send).await.unwrap();
}
