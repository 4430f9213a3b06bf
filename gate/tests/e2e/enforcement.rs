//! A sale of the card ends the tunnel: with the stock client and a ping through the tunnel.

mod event_sources;
mod restarts;

use std::time::Duration;

use alloy::primitives::{Address, Bytes, U256, address};
use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::actors::{Caller, SignIn, Wallet};
use serde_json::json;

use crate::fixture::{
    CONVERGENCE_LIMIT, ConnectedClient, EVICTION_LIMIT, Fixture, eventually, expect_admission,
    expect_refusal, post_admin, read_metric, session_record, session_state, set_key,
};
use crate::scenario::{Scenario, scenarios};

/// An address without a key, to which cards are burnt.
const BURN_ADDRESS: Address = address!("000000000000000000000000000000000000dEaD");

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios![
        evicts_on_batch_transfer_and_burn,
        evicts_on_sale_by_the_vault,
        evicts_on_revoked_delegation,
        evicts_on_expired_delegation,
        keeps_tunnel_on_self_transfer_and_sale_of_one_of_two_cards,
        evicts_on_unbinding,
        operator_drops_pauses_and_resumes,
        evicts_by_polling_without_websocket,
        evicts_when_killed_around_the_sale,
    ];
    scenarios.extend(restarts::scenarios());
    scenarios.extend(event_sources::scenarios());
    // The first holds the eviction to its time, the second restarts the node.
    scenarios.extend(scenarios![exclusive:
        evicts_on_sale_and_restores_on_return,
        frees_places_when_the_node_has_lost_its_peers,
    ]);
    scenarios
}

async fn evicts_on_sale_and_restores_on_return(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let holder = fixture.create_paid_holder().await?;
    let connected = ConnectedClient::connect(fixture, gate, &holder.account).await?;
    let before = read_metric(gate, "sovereign_gate_evictions_total", &[r#"cause="no_card""#]).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    ethereum.transfer(seller, buyer, ethereum.other_card()).await?;
    connected.expect_eviction().await?;
    ensure!(
        session_state(gate, connected.session).await? == ("evicted".into(), "no_card".into()),
        "not evicted for the sale"
    );
    ensure!(
        read_metric(gate, "sovereign_gate_evictions_total", &[r#"cause="no_card""#]).await? > before,
        "not counted"
    );
    // Without a new session, and so without a second payment.
    ethereum.transfer(buyer, seller, ethereum.other_card()).await?;
    connected.expect_ping().await.context("after the card came back")?;
    // The tunnel is restored before the record is updated.
    let live = || async {
        let (state, _) = session_state(gate, connected.session).await?;
        ensure!(state == "live", "it is {state}");
        Ok(())
    };
    eventually("the session is live again", EVICTION_LIMIT, live).await
}

alloy::sol! {
    function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data) external;
}

async fn evicts_on_batch_transfer_and_burn(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let cards = [ethereum.this_card(), ethereum.other_card()];
    let (seller, burner) = (fixture.create_holder(gate, &cards).await?, fixture.create_paid_holder().await?);
    let sells = ConnectedClient::connect(fixture, gate, &seller.account).await?;
    let burns = ConnectedClient::connect(fixture, gate, &burner.account).await?;
    let from = seller.wallet.address();
    let batch = safeBatchTransferFromCall {
        from,
        to: Wallet::fresh().address(),
        ids: cards.map(U256::from).to_vec(),
        amounts: vec![U256::from(1); cards.len()],
        data: Bytes::new(),
    };
    ethereum.send(from, ethereum.memes(), &batch).await?;
    sells.expect_eviction().await.context("sold in a batch")?;
    burns.expect_ping().await.context("another holder's tunnel")?;
    ethereum.transfer(burner.wallet.address(), BURN_ADDRESS, ethereum.other_card()).await?;
    burns.expect_eviction().await.context("burnt")
}

async fn evicts_on_sale_by_the_vault(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let (vault, hot, account) = fixture.create_delegated_wallet().await?;
    fixture.bind_account(gate, &hot, &account.address).await?;
    let connected = ConnectedClient::connect(fixture, gate, &account).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    connected.expect_eviction().await
}

async fn evicts_on_revoked_delegation(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let (vault, hot) = (ethereum.holder(&[ethereum.other_card()]).await?, Wallet::fresh());
    ethereum.delegate_xyz(vault.address(), hot.address(), true).await?;
    let account = fixture.funded_account().await?;
    fixture.bind_account(gate, &hot, &account.address).await?;
    let connected = ConnectedClient::connect(fixture, gate, &account).await?;
    ethereum.delegate_xyz(vault.address(), hot.address(), false).await?;
    connected.expect_eviction().await
}

async fn evicts_on_expired_delegation(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let (vault, hot) = (ethereum.holder(&[ethereum.other_card()]).await?, Wallet::fresh());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let end = now.max(ethereum.chain().now().await?) + 45;
    ethereum.register_6529(vault.address(), ethereum.memes(), hot.address(), 1, Some(end), None).await?;
    let account = fixture.funded_account().await?;
    fixture.bind_account(gate, &hot, &account.address).await?;
    let connected = ConnectedClient::connect(fixture, gate, &account).await?;
    connected.expect_silence(Duration::from_secs(60)).await
}

async fn keeps_tunnel_on_self_transfer_and_sale_of_one_of_two_cards(fixture: &Fixture) -> Result<()> {
    let (gate, ethereum) = (fixture.gate(), &fixture.ethereum);
    let holder = fixture.create_holder(gate, &[ethereum.this_card(), ethereum.other_card()]).await?;
    let connected = ConnectedClient::connect(fixture, gate, &holder.account).await?;
    let wallet = holder.wallet.address();
    ethereum.transfer(wallet, wallet, ethereum.this_card()).await?;
    ethereum.transfer(wallet, Wallet::fresh().address(), ethereum.this_card()).await?;
    eventually("the session is of the paid tier", CONVERGENCE_LIMIT, || async {
        let listed = session_record(gate, connected.session).await?.context("not listed")?;
        ensure!(listed["tier"] == "paid", "listed as {listed}");
        Ok(())
    })
    .await?;
    connected.expect_ping().await
}

async fn evicts_on_unbinding(fixture: &Fixture) -> Result<()> {
    let gate = fixture.gate();
    let holder = fixture.create_paid_holder().await?;
    let connected = ConnectedClient::connect(fixture, gate, &holder.account).await?;
    SignIn::at(&gate.url)?.unbind(holder.token()).await?;
    connected.expect_eviction().await?;
    fixture.bind_account(gate, &holder.wallet, &holder.account.address).await?;
    connected.expect_ping().await.context("after a new sign-in")
}

async fn operator_drops_pauses_and_resumes(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-operator", |_| ()).await?;
    let card = [fixture.ethereum.other_card()];
    let (first, second) =
        (fixture.create_holder(&gate, &card).await?, fixture.create_holder(&gate, &card).await?);
    let one = ConnectedClient::connect(fixture, &gate, &first.account).await?;
    let two = ConnectedClient::connect(fixture, &gate, &second.account).await?;
    post_admin(&gate, "/sessions/drop", json!({ "target": one.session.to_string(), "reason": "abuse" }))
        .await?;
    one.expect_eviction().await?;
    two.expect_ping().await.context("another holder's tunnel")?;
    post_admin(&gate, "/pause", json!({ "reason": "looking into it" })).await?;
    let session = fixture.open_direct_session(&second.account).await?;
    let handshake = second.account.wireguard_handshake(session)?;
    expect_refusal(&gate, &handshake, 503, 110).await?;
    fixture.restart_gate(&gate, None).await?;
    expect_refusal(&gate, &handshake, 503, 110).await.context("after a restart")?;
    two.expect_ping().await.context("a pause ends no tunnel")?;
    post_admin(&gate, "/resume", json!({ "reason": "nothing found" })).await?;
    expect_admission(&gate, &handshake).await?;
    // A dropped session is not restored.
    tokio::time::sleep(Duration::from_secs(6)).await;
    one.expect_silence(Duration::ZERO).await?;
    let answer = Caller::anywhere()?.get(&format!("{}/audit", gate.admin)).await?;
    let entries = answer.body["audit"].as_array().context("no list")?;
    let actions: Vec<_> =
        entries.iter().rev().map(|entry| entry["action"].as_str().unwrap_or_default()).collect();
    ensure!(actions == ["drop", "pause", "resume"], "audit log: {actions:?}");
    Ok(())
}

/// Without a WebSocket, polling detects the sale.
async fn evicts_by_polling_without_websocket(fixture: &Fixture) -> Result<()> {
    let gate = fixture
        .start_gate("gate-polls", |config| {
            set_key(config, "ethereum", "ws_addrs", vec!["ws://127.0.0.1:9".to_owned()]);
            set_key(config, "ethereum", "poll_interval", "1s");
        })
        .await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let connected = ConnectedClient::connect(fixture, &gate, &holder.account).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    fixture.ethereum.transfer(seller, buyer, fixture.ethereum.other_card()).await?;
    connected.expect_eviction().await
}

/// The gate is killed before, at, and at intervals after the sale: after its start the tunnel is silent, however far
/// the eviction had come.
async fn evicts_when_killed_around_the_sale(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-killed", |_| ()).await?;
    let (ethereum, card) = (&fixture.ethereum, fixture.ethereum.other_card());
    let holder = fixture.create_holder(&gate, &[card]).await?;
    let connected = ConnectedClient::connect(fixture, &gate, &holder.account).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    for point in
        [None, Some(0), Some(2), Some(5), Some(10), Some(15), Some(20), Some(30), Some(50), Some(100)]
    {
        if point.is_none() {
            fixture.stack.kill_program(&gate.name).await?;
        }
        ethereum.transfer(seller, buyer, card).await?;
        if let Some(milliseconds) = point {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            fixture.stack.kill_program(&gate.name).await?;
        }
        fixture.stack.start_program(&gate.name).await?;
        connected.expect_eviction().await.with_context(|| format!("killed at {point:?}"))?;
        ethereum.transfer(buyer, seller, card).await?;
        connected.expect_return().await.with_context(|| format!("{point:?}"))?;
    }
    Ok(())
}

/// A restarted node has lost its peers: a repeat is refused, the place is free, and no peer is restored without a
/// request.
async fn frees_places_when_the_node_has_lost_its_peers(fixture: &Fixture) -> Result<()> {
    let gate = fixture.gate();
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    expect_admission(gate, &handshake).await?;
    fixture.stack.restart_program("node1", None).await?;
    eventually("the session is lost", Duration::from_secs(30), || async {
        let (state, cause) = session_state(gate, session).await?;
        if (state.as_str(), cause.as_str()) != ("evicted", "lost") {
            bail!("it is {state} {cause}");
        }
        Ok(())
    })
    .await?;
    fixture.wait_until_ready(gate).await?;
    let message = expect_refusal(gate, &handshake, 409, 125).await?;
    ensure!(message.contains("open a new session"), "the message is {message}");
    let connected = ConnectedClient::connect(fixture, gate, &holder.account).await?;
    connected.expect_ping().await
}
