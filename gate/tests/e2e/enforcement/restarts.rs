//! The gate dies at the worst moment, alone or with its node: afterwards no session is live without a right, and no
//! right is lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Client, Refusal, SignIn, Tunnel, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::fixture::node_peers::{allowed_addresses, run_on_node};
use crate::fixture::response_time::eventually_evicted;
use crate::fixture::{
    CONVERGENCE_LIMIT, ConnectedClient, Fixture, Holder, eventually, expect_admission, expect_refusal,
    post_admin, send_handshake, session_state, set_key,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::tcp_relay::TcpRelay;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios![
        recovers_session_when_killed_before_its_record,
        evicts_when_the_right_ends_while_the_node_answers,
        answers_concurrent_repeats_with_one_node_request,
        does_not_restore_an_address_of_another_peer
    ];
    scenarios.extend(scenarios![exclusive: recovers_when_node_and_gate_restart_together]);
    scenarios
}

/// A stock client that keeps its tunnel key, so that its next attempt is the same handshake.
struct PersistentClient {
    client: Client,
    key: tempfile::TempDir,
    session: u64,
    holder: Holder,
}

impl PersistentClient {
    async fn prepare(fixture: &Fixture, gate: &GateInfo) -> Result<Self> {
        let holder = fixture.create_paid_holder_at(gate).await?;
        let session = fixture.open_direct_session(&holder.account).await?;
        Ok(Self { client: fixture.stack.client().await?, key: tempfile::tempdir()?, session, holder })
    }

    async fn connect(&self, gate: &GateInfo) -> Result<Result<Tunnel, Refusal>> {
        let key = self.key.path().join("key").display().to_string();
        let (session, account) = (self.session, &self.holder.account.key);
        let flags = ["--tunnel-key-file", key.as_str()];
        self.client.connect_with(&gate.url, session, account, &gate.node, &flags).await
    }

    /// The public tunnel key, as the node lists it.
    async fn public_key(&self) -> Result<String> {
        let path = self.key.path().join("key").display().to_string();
        let line = ["sh", "-c", "wg pubkey < $0", &path];
        Ok(self.client.run(&line).await?.trim().to_owned())
    }
}

/// The node has accepted the peer, and the gate is killed before it records the session. After its start the peer is
/// a live session if it is still entitled; otherwise it is evicted.
async fn recovers_session_when_killed_before_its_record(fixture: &Fixture) -> Result<()> {
    let node = &fixture.stack.nodes()[0];
    let relay = TcpRelay::in_front_of(&fixture.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate = fixture.start_gate("gate-halfway", |config| set_key(config, "gate", "node_url", url)).await?;
    let another = fixture.create_paid_holder_at(&gate).await?;
    let session = fixture.open_direct_session(&another.account).await?;
    expect_admission(&gate, &another.account.wireguard_handshake(session)?).await?;
    for sold in [false, true] {
        let connected = PersistentClient::prepare(fixture, &gate).await?;
        relay.hold_post_answers();
        let kill = async {
            tokio::time::timeout(CONVERGENCE_LIMIT, relay.wait_for_held_answer())
                .await
                .context("the node does not answer")?;
            fixture.stack.kill_program(&gate.name).await
        };
        let (outcome, killed) = tokio::join!(connected.connect(&gate), kill);
        killed?;
        ensure!(outcome?.is_err(), "a tunnel without an answer");
        relay.cut();
        let key = connected.public_key().await?;
        ensure!(allowed_addresses(node, &key).await?.is_some(), "the node has no such peer");
        let seller = connected.holder.wallet.address();
        let card = fixture.ethereum.other_card();
        if sold {
            fixture.ethereum.transfer(seller, Wallet::fresh().address(), card).await?;
        }
        relay.open();
        fixture.stack.start_program(&gate.name).await?;
        fixture.wait_until_ready(&gate).await?;
        let settled = || async {
            let (state, cause) = session_state(&gate, connected.session).await?;
            let wanted = if sold { ("evicted", "no_card") } else { ("live", "") };
            ensure!((state.as_str(), cause.as_str()) == wanted, "it is {state} {cause}");
            Ok(())
        };
        eventually("the unrecorded session is settled", CONVERGENCE_LIMIT, settled).await?;
        if sold {
            let is_out = || async {
                let addresses = allowed_addresses(node, &key).await?;
                ensure!(addresses.is_none(), "its packets pass: {addresses:?}");
                Ok(())
            };
            eventually_evicted(&gate, "the seller's peer is evicted", is_out).await?;
            let refused = connected.connect(&gate).await?.err().context("the seller is let in")?;
            ensure!(refused.code() == Some(105), "shown: {refused}");
            fixture.ethereum.mint(seller, card).await?;
        }
        // The same handshake is answered with the addresses that the node assigned; the node is not asked again.
        let tunnel = eventually("the same handshake", CONVERGENCE_LIMIT, || async {
            connected.connect(&gate).await?.map_err(anyhow::Error::from)
        });
        let tunnel = tunnel.await.with_context(|| format!("sold: {sold}"))?;
        ensure!(tunnel.public_key == key, "another key");
        let connected = ConnectedClient {
            client: connected.client,
            tunnel,
            session: connected.session,
            gate: gate.clone(),
        };
        connected.expect_ping().await?;
        tokio::time::sleep(Duration::from_secs(6)).await;
        connected.expect_ping().await.context("after the next comparison with the tunnel")?;
    }
    Ok(())
}

/// The decision was right when it was made. An event that ended the right before the session was recorded found no
/// session to evict.
async fn evicts_when_the_right_ends_while_the_node_answers(fixture: &Fixture) -> Result<()> {
    let node = &fixture.stack.nodes()[0];
    let relay = TcpRelay::in_front_of(&fixture.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate =
        fixture.start_gate("gate-meanwhile", |config| set_key(config, "gate", "node_url", url)).await?;
    for cause in ["no_card", "unbound", "lockdown"] {
        let connected = PersistentClient::prepare(fixture, &gate).await?;
        let (site, seller) = (SignIn::at(&gate.url)?, connected.holder.wallet.address());
        relay.hold_post_answers();
        let meanwhile = async {
            tokio::time::timeout(CONVERGENCE_LIMIT, relay.wait_for_held_answer())
                .await
                .context("the node does not answer")?;
            match cause {
                "no_card" => {
                    let card = fixture.ethereum.other_card();
                    fixture.ethereum.transfer(seller, Wallet::fresh().address(), card).await?;
                    let sale_seen = || async {
                        let eligibility = site.eligibility(seller).await?;
                        ensure!(
                            eligibility.result()?["tier"] == "denied",
                            "the eligibility is {}",
                            eligibility.body
                        );
                        Ok(())
                    };
                    eventually("the gate has seen the sale", CONVERGENCE_LIMIT, sale_seen).await?;
                }
                "unbound" => drop(site.unbind(connected.holder.token()).await?),
                _ => drop(post_admin(&gate, "/lockdown", json!({ "reason": "intruder" })).await?),
            }
            relay.open();
            anyhow::Ok(())
        };
        let (outcome, done) = tokio::join!(connected.connect(&gate), meanwhile);
        done.context(cause)?;
        let key = connected.public_key().await?;
        let is_out = || async {
            let now = session_state(&gate, connected.session).await?;
            ensure!(now == ("evicted".to_owned(), cause.to_owned()), "it is {now:?}");
            ensure!(allowed_addresses(node, &key).await?.is_none(), "its packets pass");
            Ok(())
        };
        eventually_evicted(&gate, cause, is_out).await?;
        if cause == "lockdown" {
            let refusal = outcome?.err().context("let in during a lockdown")?;
            ensure!([Some(110), Some(114)].contains(&refusal.code()), "shown: {refusal}");
            post_admin(&gate, "/resume", json!({ "reason": "over" })).await?;
            // Whether the node was told of the client at all decides if this is a repeat of an evicted session.
            let again = connected.connect(&gate).await?;
            ensure!(
                again.is_ok() || again.is_err_and(|refusal| refusal.code() == Some(125)),
                "after the lockdown"
            );
            // A newer sign-in makes the same handshake the owner's request.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            fixture.bind_account(&gate, &connected.holder.wallet, &connected.holder.account.address).await?;
            let tunnel = eventually("the same handshake", CONVERGENCE_LIMIT, || async {
                connected.connect(&gate).await?.map_err(anyhow::Error::from)
            });
            tunnel.await.context("after the lockdown and a new sign-in")?;
        }
    }
    Ok(())
}

/// A client repeats its handshake before the node has answered, and another attempt is aborted: the node is asked
/// once, and all attempts receive the same answer.
async fn answers_concurrent_repeats_with_one_node_request(fixture: &Fixture) -> Result<()> {
    let relay = TcpRelay::in_front_of(&fixture.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate = &fixture.start_gate("gate-again", |config| set_key(config, "gate", "node_url", url)).await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let handshake =
        holder.account.wireguard_handshake(fixture.open_direct_session(&holder.account).await?)?;
    relay.hold_post_answers();
    let others = async {
        tokio::time::timeout(CONVERGENCE_LIMIT, relay.wait_for_held_answer())
            .await
            .context("the node does not answer")?;
        let impatient =
            tokio::time::timeout(Duration::from_millis(300), send_handshake(gate, &handshake)).await;
        ensure!(impatient.is_err(), "answered before the first one: {impatient:?}");
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            relay.open();
        };
        let (answers, ()) = tokio::join!(
            futures::future::try_join_all((0..3).map(|_| expect_admission(gate, &handshake))),
            release
        );
        answers
    };
    let (first, others) = tokio::join!(expect_admission(gate, &handshake), others);
    let first = first?;
    for other in others? {
        ensure!(other.bytes == first.bytes, "{} and {}", first.body, other.body);
    }
    Ok(())
}

/// After both have restarted the tunnel is empty. An entitled holder opens a new session and has its place free; a
/// holder that has sold the card is refused.
async fn recovers_when_node_and_gate_restart_together(fixture: &Fixture) -> Result<()> {
    let one_device = |config: &mut toml::Table| config["policy"]["paid"]["devices"] = 1.into();
    let gate = &fixture.start_gate("gate-together", one_device).await?;
    let (keeper, seller) =
        (fixture.create_paid_holder_at(gate).await?, fixture.create_paid_holder_at(gate).await?);
    let stays = ConnectedClient::connect(fixture, gate, &keeper.account).await?;
    let sells = ConnectedClient::connect(fixture, gate, &seller.account).await?;
    fixture.stack.kill_program(&gate.name).await?;
    fixture.stack.kill_program("node1").await?;
    let (from, to) = (seller.wallet.address(), Wallet::fresh().address());
    fixture.ethereum.transfer(from, to, fixture.ethereum.other_card()).await?;
    eventually("the node is up", Duration::from_secs(30), || fixture.stack.start_program("node1")).await?;
    fixture.stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(gate).await?;
    fixture.wait_until_ready(fixture.gate()).await?;
    for connected in [&stays, &sells] {
        connected.expect_silence(Duration::ZERO).await.context("a restarted node has peers")?;
        let is_out = || async {
            ensure!(session_state(gate, connected.session).await?.0 == "evicted", "counts as a device");
            Ok(())
        };
        eventually("its session is over", Duration::from_secs(15), is_out).await?;
    }
    let again =
        ConnectedClient::connect(fixture, gate, &keeper.account).await.context("a holder is locked out")?;
    let session = fixture.open_direct_session(&seller.account).await?;
    expect_refusal(gate, &seller.account.wireguard_handshake(session)?, 403, 105).await?;
    // The following reconciliations change nothing.
    tokio::time::sleep(Duration::from_secs(6)).await;
    again.expect_ping().await
}

/// The card has returned, but the node has assigned the address to another peer: that peer keeps it, and the client
/// is told to open a new session.
async fn does_not_restore_an_address_of_another_peer(fixture: &Fixture) -> Result<()> {
    let node = &fixture.stack.nodes()[0];
    let gate = fixture.gate();
    let connected = PersistentClient::prepare(fixture, gate).await?;
    let tunnel = connected.connect(gate).await??;
    let address = allowed_addresses(node, &tunnel.public_key).await?.context("it has no address")?;
    let (seller, buyer) = (connected.holder.wallet.address(), Wallet::fresh().address());
    let card = fixture.ethereum.other_card();
    fixture.ethereum.transfer(seller, buyer, card).await?;
    let is_out = || async {
        ensure!(allowed_addresses(node, &tunnel.public_key).await?.is_none(), "its packets pass");
        Ok(())
    };
    eventually_evicted(&gate, "the seller's peer is evicted", is_out).await?;
    let other_peer = run_on_node(node, &["wg", "genkey"]).await?;
    let other_peer = other_peer.trim();
    run_on_node(node, &["wg", "set", "wg0", "peer", other_peer, "allowed-ips", &address.replace(' ', ",")])
        .await?;
    fixture.ethereum.transfer(buyer, seller, card).await?;
    let refused = || async {
        let refusal =
            connected.connect(gate).await?.err().context("a tunnel with the address of another peer")?;
        ensure!(refusal.code() == Some(125), "shown: {refusal}");
        Ok(refusal)
    };
    let refusal = eventually("the same handshake is refused", CONVERGENCE_LIMIT, refused).await;
    let still = allowed_addresses(node, other_peer).await;
    run_on_node(node, &["wg", "set", "wg0", "peer", other_peer, "remove"]).await?;
    let message = refusal?.message().to_owned();
    ensure!(
        message.contains("address") && message.contains("open a new session"),
        "the message is {message}"
    );
    ensure!(still? == Some(address), "the other one has lost its address");
    Ok(())
}
