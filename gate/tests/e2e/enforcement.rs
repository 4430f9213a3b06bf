//! A sale of the card ends the tunnel: with the stock client and a ping through the tunnel.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, Bytes, U256, address};
use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::actors::{Caller, Client, SignIn, Tunnel, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, metric, record, set, turned_away};

/// Longest time from a block, or an ended binding, to a silent tunnel.
pub(crate) const SOON: Duration = Duration::from_secs(5);
/// An address without a key, to which cards are burnt.
const BURNT: Address = address!("000000000000000000000000000000000000dEaD");
const UP: Duration = Duration::from_secs(5);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        the_only_card_is_sold_and_bought_back,
        all_cards_in_a_batch_and_a_burnt_one,
        the_card_in_the_vault_is_sold,
        a_delegation_is_revoked,
        a_delegation_ends,
        one_of_two_cards_and_a_transfer_to_oneself,
        unbinding_ends_the_tunnel,
        the_operator_drops_pauses_and_goes_on,
        a_gate_that_polls,
        the_gate_is_killed_around_the_sale,
    ];
    trials.extend(trials![alone: the_node_forgets]);
    trials
}

/// A stock client with a tunnel through which a ping has passed.
pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(crate) tunnel: Tunnel,
    pub(crate) session: u64,
}

impl Guest {
    pub(crate) async fn arrive(
        world: &World,
        gate: &GateInfo,
        account: &sentinel_stack::actors::Account,
    ) -> Result<Self> {
        let session = world.direct_session(account).await?;
        let client = world.stack.client().await?;
        let tunnel = client.connect(&gate.url, session, account, &gate.node).await??;
        let guest = Self { client, tunnel, session };
        guest.pings().await?;
        Ok(guest)
    }

    pub(crate) async fn pings(&self) -> Result<()> {
        self.client.ping(&self.tunnel, UP).await.map(drop)
    }

    /// Waits until no ping passes any more, and requires that it stays so.
    pub(crate) async fn falls_silent(&self, within: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.client.ping(&self.tunnel, Duration::ZERO).await.is_ok() {
            ensure!(begun.elapsed() < within, "still pings after {:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for _ in 0..2 {
            ensure!(self.client.ping(&self.tunnel, Duration::ZERO).await.is_err(), "pings again");
        }
        Ok(())
    }
}

pub(crate) async fn state(gate: &GateInfo, session: u64) -> Result<(String, String)> {
    let listed = record(gate, session).await?.context("not in the list of sessions")?;
    let text = |key: &str| listed[key].as_str().unwrap_or_default().to_owned();
    Ok((text("state"), text("cause")))
}

pub(crate) async fn post(gate: &GateInfo, path: &str, body: serde_json::Value) -> Result<serde_json::Value> {
    let answer = Caller::anywhere()?.post(&format!("{}{path}", gate.admin), &body).await?;
    ensure!(answer.status == 200, "{path} answers {} {}", answer.status, answer.body);
    Ok(answer.body)
}

async fn the_only_card_is_sold_and_bought_back(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let holder = world.paid().await?;
    let guest = Guest::arrive(world, gate, &holder.account).await?;
    let before = metric(gate, "sovereign_gate_evictions_total", &[r#"cause="no_card""#]).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    ethereum.transfer(seller, buyer, ethereum.other_card()).await?;
    guest.falls_silent(SOON).await?;
    ensure!(
        state(gate, guest.session).await? == ("evicted".into(), "no_card".into()),
        "listed in another way"
    );
    ensure!(
        metric(gate, "sovereign_gate_evictions_total", &[r#"cause="no_card""#]).await? > before,
        "not counted"
    );
    // Without a new session, and so without a second payment.
    ethereum.transfer(buyer, seller, ethereum.other_card()).await?;
    guest.pings().await.context("after the card came back")?;
    // The tunnel is restored before the record is updated.
    let live = || async {
        let (state, _) = state(gate, guest.session).await?;
        ensure!(state == "live", "it is {state}");
        Ok(())
    };
    eventually("the session is live again", SOON, live).await
}

alloy::sol! {
    function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data) external;
}

async fn all_cards_in_a_batch_and_a_burnt_one(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let cards = [ethereum.this_card(), ethereum.other_card()];
    let (seller, burner) = (world.holder(gate, &cards).await?, world.paid().await?);
    let sells = Guest::arrive(world, gate, &seller.account).await?;
    let burns = Guest::arrive(world, gate, &burner.account).await?;
    let from = seller.wallet.address();
    let batch = safeBatchTransferFromCall {
        from,
        to: Wallet::fresh().address(),
        ids: cards.map(U256::from).to_vec(),
        amounts: vec![U256::from(1); cards.len()],
        data: Bytes::new(),
    };
    ethereum.send(from, ethereum.memes(), &batch).await?;
    sells.falls_silent(SOON).await.context("sold in a batch")?;
    burns.pings().await.context("somebody else's tunnel")?;
    ethereum.transfer(burner.wallet.address(), BURNT, ethereum.other_card()).await?;
    burns.falls_silent(SOON).await.context("burnt")
}

async fn the_card_in_the_vault_is_sold(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let (vault, hot, account) = world.delegated().await?;
    world.bind(gate, &hot, &account.address).await?;
    let guest = Guest::arrive(world, gate, &account).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    guest.falls_silent(SOON).await
}

async fn a_delegation_is_revoked(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let (vault, hot) = (ethereum.holder(&[ethereum.other_card()]).await?, Wallet::fresh());
    ethereum.delegate_xyz(vault.address(), hot.address(), true).await?;
    let account = world.account().await?;
    world.bind(gate, &hot, &account.address).await?;
    let guest = Guest::arrive(world, gate, &account).await?;
    ethereum.delegate_xyz(vault.address(), hot.address(), false).await?;
    guest.falls_silent(SOON).await
}

async fn a_delegation_ends(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let (vault, hot) = (ethereum.holder(&[ethereum.other_card()]).await?, Wallet::fresh());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let end = now.max(ethereum.chain().now().await?) + 45;
    ethereum.register_6529(vault.address(), ethereum.memes(), hot.address(), 1, Some(end), None).await?;
    let account = world.account().await?;
    world.bind(gate, &hot, &account.address).await?;
    let guest = Guest::arrive(world, gate, &account).await?;
    guest.falls_silent(Duration::from_secs(60)).await
}

async fn one_of_two_cards_and_a_transfer_to_oneself(world: &World) -> Result<()> {
    let (gate, ethereum) = (world.gate(), &world.ethereum);
    let holder = world.holder(gate, &[ethereum.this_card(), ethereum.other_card()]).await?;
    let guest = Guest::arrive(world, gate, &holder.account).await?;
    let wallet = holder.wallet.address();
    ethereum.transfer(wallet, wallet, ethereum.this_card()).await?;
    ethereum.transfer(wallet, Wallet::fresh().address(), ethereum.this_card()).await?;
    eventually("the session is of the paid tier", SOON, || async {
        let listed = record(gate, guest.session).await?.context("not listed")?;
        ensure!(listed["tier"] == "paid", "listed as {listed}");
        Ok(())
    })
    .await?;
    guest.pings().await
}

async fn unbinding_ends_the_tunnel(world: &World) -> Result<()> {
    let gate = world.gate();
    let holder = world.paid().await?;
    let guest = Guest::arrive(world, gate, &holder.account).await?;
    SignIn::at(&gate.url)?.unbind(holder.token()).await?;
    guest.falls_silent(SOON).await?;
    world.bind(gate, &holder.wallet, &holder.account.address).await?;
    guest.pings().await.context("after a new sign-in")
}

async fn the_operator_drops_pauses_and_goes_on(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-operator", |_| ()).await?;
    let card = [world.ethereum.other_card()];
    let (first, second) = (world.holder(&gate, &card).await?, world.holder(&gate, &card).await?);
    let one = Guest::arrive(world, &gate, &first.account).await?;
    let two = Guest::arrive(world, &gate, &second.account).await?;
    post(&gate, "/sessions/drop", json!({ "target": one.session.to_string(), "reason": "abuse" })).await?;
    one.falls_silent(SOON).await?;
    two.pings().await.context("somebody else's tunnel")?;
    post(&gate, "/pause", json!({ "reason": "looking into it" })).await?;
    let session = world.direct_session(&second.account).await?;
    let handshake = second.account.wireguard_handshake(session)?;
    turned_away(&gate, &handshake, 503, 110).await?;
    world.restart(&gate, None).await?;
    turned_away(&gate, &handshake, 503, 110).await.context("after a restart")?;
    two.pings().await.context("a pause ends no tunnel")?;
    post(&gate, "/resume", json!({ "reason": "nothing found" })).await?;
    enter(&gate, &handshake).await?;
    // A dropped session is not restored.
    tokio::time::sleep(Duration::from_secs(6)).await;
    one.falls_silent(Duration::ZERO).await?;
    let answer = Caller::anywhere()?.get(&format!("{}/audit", gate.admin)).await?;
    let deeds = answer.body["audit"].as_array().context("no list")?;
    let told: Vec<_> = deeds.iter().rev().map(|deed| deed["action"].as_str().unwrap_or_default()).collect();
    ensure!(told == ["drop", "pause", "resume"], "written down: {told:?}");
    Ok(())
}

/// Without a WebSocket, polling detects the sale.
async fn a_gate_that_polls(world: &World) -> Result<()> {
    let gate = world
        .gate_with("gate-polls", |config| {
            set(config, "ethereum", "ws_addrs", vec!["ws://127.0.0.1:9".to_owned()]);
            set(config, "ethereum", "poll_interval", "1s");
        })
        .await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let guest = Guest::arrive(world, &gate, &holder.account).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    world.ethereum.transfer(seller, buyer, world.ethereum.other_card()).await?;
    guest.falls_silent(SOON).await
}

/// The gate is killed before, at, and at intervals after the sale: after its start the tunnel is silent, however far
/// the eviction had come.
async fn the_gate_is_killed_around_the_sale(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-killed", |_| ()).await?;
    let (ethereum, card) = (&world.ethereum, world.ethereum.other_card());
    let holder = world.holder(&gate, &[card]).await?;
    let guest = Guest::arrive(world, &gate, &holder.account).await?;
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    for point in
        [None, Some(0), Some(2), Some(5), Some(10), Some(15), Some(20), Some(30), Some(50), Some(100)]
    {
        if point.is_none() {
            world.stack.kill_program(&gate.name).await?;
        }
        ethereum.transfer(seller, buyer, card).await?;
        if let Some(milliseconds) = point {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            world.stack.kill_program(&gate.name).await?;
        }
        world.stack.start_program(&gate.name).await?;
        guest.falls_silent(SOON).await.with_context(|| format!("killed at {point:?}"))?;
        ethereum.transfer(buyer, seller, card).await?;
        eventually("the ping is back", SOON, || guest.pings()).await.with_context(|| format!("{point:?}"))?;
    }
    Ok(())
}

/// A restarted node has lost its peers: a repeat is refused, the place is free, and no peer is restored without a
/// request.
async fn the_node_forgets(world: &World) -> Result<()> {
    let gate = world.gate();
    let holder = world.paid().await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    enter(gate, &handshake).await?;
    world.stack.restart_program("node1", None).await?;
    eventually("the session is lost", Duration::from_secs(30), || async {
        let (state, cause) = state(gate, session).await?;
        if (state.as_str(), cause.as_str()) != ("evicted", "lost") {
            bail!("it is {state} {cause}");
        }
        Ok(())
    })
    .await?;
    world.until_ready(gate).await?;
    let sentence = turned_away(gate, &handshake, 409, 125).await?;
    ensure!(sentence.contains("open a new session"), "says {sentence}");
    let guest = Guest::arrive(world, gate, &holder.account).await?;
    guest.pings().await
}
