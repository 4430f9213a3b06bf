//! Sources of Ethereum's events fail, change and revert while a ping runs through the tunnel. Each scenario has a
//! chain of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Account, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::fixture::private_chain::{CARD, PrivateChain, transfer_call};
use crate::fixture::{ConnectedClient, EVICTION_LIMIT, Fixture, eventually, session_state};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::{FaultyProvider, ProviderBehavior};
use crate::stubs::tcp_relay::TcpRelay;

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        evicts_when_the_websocket_fails_at_the_sale,
        evicts_when_the_provider_fails_at_the_sale,
        restores_on_reorged_sale_and_evicts_on_its_repetition,
        evicts_on_reorged_purchase,
        evicts_at_known_expiry_without_any_source,
    ]
}

async fn connect_holder(
    fixture: &Fixture,
    gate: &GateInfo,
    wallet: &Wallet,
) -> Result<(Account, ConnectedClient)> {
    let account = fixture.funded_account().await?;
    fixture.bind_account(gate, wallet, &account.address).await?;
    let connected = ConnectedClient::connect(fixture, gate, &account).await?;
    Ok((account, connected))
}

/// The WebSocket falls silent, then it is closed and stays so: polling, then the disconnect, reveals the sale.
async fn evicts_when_the_websocket_fails_at_the_sale(fixture: &Fixture) -> Result<()> {
    let private_chain = PrivateChain::start().await?;
    let relay = TcpRelay::in_front_of(&private_chain.ws_url()).await?;
    let ws = format!("ws://{}", relay.address());
    let gate = private_chain.start_gate(fixture, "gate-socket", vec![private_chain.anvil.url()], ws).await?;
    let holder = private_chain.create_holder().await?;
    let (_, connected) = connect_holder(fixture, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    for dies in [TcpRelay::hold_answers, TcpRelay::cut] {
        dies(&relay);
        private_chain.transfer(seller, buyer).await?;
        connected.expect_eviction().await?;
        relay.open();
        private_chain.transfer(buyer, seller).await?;
        connected.expect_return().await?;
    }
    Ok(())
}

/// The provider in use refuses, or does not answer, from the sale on: the other provider reveals it.
async fn evicts_when_the_provider_fails_at_the_sale(fixture: &Fixture) -> Result<()> {
    let private_chain = PrivateChain::start().await?;
    let (first, second) = (
        FaultyProvider::in_front_of(&private_chain.anvil.url()).await?,
        FaultyProvider::in_front_of(&private_chain.anvil.url()).await?,
    );
    let urls = vec![first.url(), second.url()];
    let gate = private_chain.start_gate(fixture, "gate-switched", urls, private_chain.ws_url()).await?;
    let holder = private_chain.create_holder().await?;
    let (_, connected) = connect_holder(fixture, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    let silent = Duration::from_secs(10);
    for (fails, stays, behavior) in [
        (&first, &second, ProviderBehavior::Status(503)),
        (&second, &first, ProviderBehavior::Delay(Duration::from_secs(20))),
    ] {
        stays.set_behavior(ProviderBehavior::Forward);
        fails.set_behavior(behavior);
        private_chain.transfer(seller, buyer).await?;
        connected.expect_silence(silent).await?;
        private_chain.transfer(buyer, seller).await?;
        eventually("the ping is back", silent, || connected.expect_ping()).await?;
    }
    Ok(())
}

/// A reorganisation removes the sale: the tunnel is restored. The sale is repeated on the new branch: the tunnel ends
/// again.
async fn restores_on_reorged_sale_and_evicts_on_its_repetition(fixture: &Fixture) -> Result<()> {
    let private_chain = PrivateChain::start().await?;
    let gate = private_chain
        .start_gate(fixture, "gate-reorg", vec![private_chain.anvil.url()], private_chain.ws_url())
        .await?;
    let holder = private_chain.create_holder().await?;
    let (_, connected) = connect_holder(fixture, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    let rpc = async |method: &str, params| private_chain.chain.rpc(method, params).await.context("reorg");
    private_chain.transfer(seller, buyer).await?;
    connected.expect_eviction().await?;
    rpc("anvil_reorg", json!([1, []])).await?;
    connected.expect_return().await.context("the sale is reorganised away")?;
    private_chain.transfer(seller, buyer).await?;
    connected.expect_eviction().await.context("the sale is done again")?;

    // The sale moves to another block of the new branch and still counts.
    rpc("anvil_impersonateAccount", json!([seller])).await?;
    let data = Bytes::from(transfer_call(seller, buyer, CARD).abi_encode());
    let sale = json!({ "from": seller, "to": private_chain.memes, "data": data, "gas": "0x40000", "gasPrice": "0x77359400" });
    rpc("anvil_reorg", json!([1, [[sale, 0]]])).await?;
    ensure!(
        private_chain.chain.balance(private_chain.memes, buyer, CARD).await? == U256::from(1),
        "the sale is not there"
    );
    tokio::time::sleep(EVICTION_LIMIT).await;
    connected.expect_silence(Duration::ZERO).await.context("the sale is on the new branch too")?;
    ensure!(
        session_state(&gate, connected.session).await? == ("evicted".into(), "no_card".into()),
        "not evicted for the sale"
    );
    private_chain.transfer(buyer, seller).await?;
    connected.expect_return().await
}

/// The block with the purchase of the card is removed: the session is evicted, and restored by the next purchase.
async fn evicts_on_reorged_purchase(fixture: &Fixture) -> Result<()> {
    let private_chain = PrivateChain::start().await?;
    let gate = private_chain
        .start_gate(fixture, "gate-purchase", vec![private_chain.anvil.url()], private_chain.ws_url())
        .await?;
    let (seller, buyer) = (private_chain.create_holder().await?, Wallet::fresh());
    private_chain.transfer(seller.address(), buyer.address()).await?;
    let (_, connected) = connect_holder(fixture, &gate, &buyer).await?;
    private_chain.chain.rpc("anvil_reorg", json!([1, []])).await?;
    connected.expect_eviction().await?;
    ensure!(
        session_state(&gate, connected.session).await? == ("evicted".into(), "no_card".into()),
        "not evicted for the sale"
    );
    private_chain.transfer(seller.address(), buyer.address()).await?;
    connected.expect_return().await.context("bought again")
}

/// Without any source of events, a right ends at its known expiry.
async fn evicts_at_known_expiry_without_any_source(fixture: &Fixture) -> Result<()> {
    let private_chain = PrivateChain::start().await?;
    let gate = private_chain
        .start_gate(fixture, "gate-dead", vec![private_chain.anvil.url()], private_chain.ws_url())
        .await?;
    let (vault, hot) = (private_chain.create_holder().await?, Wallet::fresh());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs());
    let end = now()?.max(private_chain.chain.now().await?) + 40;
    private_chain.delegate(vault.address(), hot.address(), end).await?;
    let holder = private_chain.create_holder().await?;
    let (_, ends) = connect_holder(fixture, &gate, &hot).await?;
    let (_, stays) = connect_holder(fixture, &gate, &holder).await?;
    // From here on no provider answers and no event arrives.
    drop(private_chain);
    ensure!(now()? < end, "too slow for this scenario");
    ends.expect_ping().await.context("before its end")?;
    ends.expect_silence(Duration::from_secs(60)).await?;
    ensure!(session_state(&gate, ends.session).await?.1 == "expired", "out for another reason");
    stays.expect_ping().await.context("a client with a lasting right")
}
