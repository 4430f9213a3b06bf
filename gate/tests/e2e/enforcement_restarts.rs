//! The gate dies at the worst moment, alone or with its node: afterwards no session is live without a right, and no
//! right is lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Client, Refusal, SignIn, Tunnel, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::enforcement::{Guest, SOON, post, state};
use crate::relay::Relay;
use crate::trial::{Trial, trials};
use crate::world::{Holder, World, enter, eventually, knock, set, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        killed_between_the_nodes_answer_and_the_record,
        what_changes_while_the_node_answers,
        a_handshake_again_while_the_node_answers,
        an_address_that_somebody_else_has_now
    ];
    trials.extend(trials![alone: node_and_gate_together]);
    trials
}

/// A stock client that keeps its tunnel key, so that its next attempt is the same handshake.
struct Stubborn {
    client: Client,
    key: tempfile::TempDir,
    session: u64,
    holder: Holder,
}

impl Stubborn {
    async fn prepare(world: &World, gate: &GateInfo) -> Result<Self> {
        let holder = world.paid_at(gate).await?;
        let session = world.direct_session(&holder.account).await?;
        Ok(Self { client: world.stack.client().await?, key: tempfile::tempdir()?, session, holder })
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

/// Runs `wg` on the node's machine.
async fn wg(world: &World, args: &[&str]) -> Result<String> {
    let line = world.stack.nodes()[0].namespace.enter(["wg"].iter().chain(args).copied());
    let (program, args) = line.split_first().context("an empty command line")?;
    let output = tokio::process::Command::new(program).args(args).output().await?;
    ensure!(output.status.success(), "wg: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Allowed addresses of a peer in the node's tunnel; none: its packets are dropped.
pub(crate) async fn allowed(world: &World, key: &str) -> Result<Option<String>> {
    let text = wg(world, &["show", "wg0", "allowed-ips"]).await?;
    let peer = text.lines().find_map(|line| line.strip_prefix(key));
    Ok(peer.map(|rest| rest.trim().to_owned()).filter(|addresses| addresses != "(none)"))
}

/// The node has accepted the peer, and the gate is killed before it records the session. After its start the peer is
/// a live session if it is still entitled; otherwise it is evicted.
async fn killed_between_the_nodes_answer_and_the_record(world: &World) -> Result<()> {
    let relay = Relay::before(&world.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate = world.gate_with("gate-halfway", |config| set(config, "gate", "node_url", url)).await?;
    let another = world.paid_at(&gate).await?;
    let session = world.direct_session(&another.account).await?;
    enter(&gate, &another.account.wireguard_handshake(session)?).await?;
    for sold in [false, true] {
        let guest = Stubborn::prepare(world, &gate).await?;
        relay.hold_posts();
        let kill = async {
            tokio::time::timeout(SOON, relay.holds_one()).await.context("the node does not answer")?;
            world.stack.kill_program(&gate.name).await
        };
        let (shown, killed) = tokio::join!(guest.connect(&gate), kill);
        killed?;
        ensure!(shown?.is_err(), "a tunnel without an answer");
        relay.cut();
        let key = guest.public_key().await?;
        ensure!(allowed(world, &key).await?.is_some(), "the node has not taken it");
        let seller = guest.holder.wallet.address();
        let card = world.ethereum.other_card();
        if sold {
            world.ethereum.transfer(seller, Wallet::fresh().address(), card).await?;
        }
        relay.open();
        world.stack.start_program(&gate.name).await?;
        world.until_ready(&gate).await?;
        let settled = || async {
            let (state, cause) = state(&gate, guest.session).await?;
            let wanted = if sold { ("evicted", "no_card") } else { ("live", "") };
            ensure!((state.as_str(), cause.as_str()) == wanted, "it is {state} {cause}");
            Ok(())
        };
        eventually("what was half way is settled", SOON, settled).await?;
        if sold {
            let out = || async {
                let addresses = allowed(world, &key).await?;
                ensure!(addresses.is_none(), "its packets pass: {addresses:?}");
                Ok(())
            };
            eventually("the seller's peer is out", SOON, out).await?;
            let refused = guest.connect(&gate).await?.err().context("the seller is let in")?;
            ensure!(refused.code() == Some(105), "shown: {refused}");
            world.ethereum.mint(seller, card).await?;
        }
        // The same handshake is answered with the addresses that the node assigned; the node is not asked again.
        let tunnel = eventually("the same handshake", SOON, || async {
            guest.connect(&gate).await?.map_err(anyhow::Error::from)
        });
        let tunnel = tunnel.await.with_context(|| format!("sold: {sold}"))?;
        ensure!(tunnel.public_key == key, "another key");
        let guest = Guest { client: guest.client, tunnel, session: guest.session };
        guest.pings().await?;
        tokio::time::sleep(Duration::from_secs(6)).await;
        guest.pings().await.context("after the next comparison with the tunnel")?;
    }
    Ok(())
}

/// The decision was right when it was made. An event that ended the right before the session was recorded found no
/// session to evict.
async fn what_changes_while_the_node_answers(world: &World) -> Result<()> {
    let relay = Relay::before(&world.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate = world.gate_with("gate-meanwhile", |config| set(config, "gate", "node_url", url)).await?;
    for cause in ["no_card", "unbound", "lockdown"] {
        let guest = Stubborn::prepare(world, &gate).await?;
        let (site, seller) = (SignIn::at(&gate.url)?, guest.holder.wallet.address());
        relay.hold_posts();
        let meanwhile = async {
            tokio::time::timeout(SOON, relay.holds_one()).await.context("the node does not answer")?;
            match cause {
                "no_card" => {
                    let card = world.ethereum.other_card();
                    world.ethereum.transfer(seller, Wallet::fresh().address(), card).await?;
                    let seen = || async {
                        let told = site.eligibility(seller).await?;
                        ensure!(told.result()?["tier"] == "denied", "told {}", told.body);
                        Ok(())
                    };
                    eventually("the gate has seen the sale", SOON, seen).await?;
                }
                "unbound" => drop(site.unbind(guest.holder.token()).await?),
                _ => drop(post(&gate, "/lockdown", json!({ "reason": "intruder" })).await?),
            }
            relay.open();
            anyhow::Ok(())
        };
        let (shown, done) = tokio::join!(guest.connect(&gate), meanwhile);
        done.context(cause)?;
        let key = guest.public_key().await?;
        let out = || async {
            let now = state(&gate, guest.session).await?;
            ensure!(now == ("evicted".to_owned(), cause.to_owned()), "it is {now:?}");
            ensure!(allowed(world, &key).await?.is_none(), "its packets pass");
            Ok(())
        };
        eventually(cause, SOON, out).await?;
        if cause == "lockdown" {
            let refusal = shown?.err().context("let in during a lockdown")?;
            ensure!([Some(110), Some(114)].contains(&refusal.code()), "shown: {refusal}");
            post(&gate, "/resume", json!({ "reason": "over" })).await?;
            // Whether the node was told of the client at all decides if this is a repeat of an evicted session.
            let again = guest.connect(&gate).await?;
            ensure!(
                again.is_ok() || again.is_err_and(|refusal| refusal.code() == Some(125)),
                "after the lockdown"
            );
            // A newer sign-in makes the same handshake the owner's request.
            tokio::time::sleep(Duration::from_millis(1100)).await;
            world.bind(&gate, &guest.holder.wallet, &guest.holder.account.address).await?;
            let tunnel = eventually("the same handshake", SOON, || async {
                guest.connect(&gate).await?.map_err(anyhow::Error::from)
            });
            tunnel.await.context("after the lockdown and a new sign-in")?;
        }
    }
    Ok(())
}

/// A client repeats its handshake before the node has answered, and another attempt is aborted: the node is asked
/// once, and all attempts receive the same answer.
async fn a_handshake_again_while_the_node_answers(world: &World) -> Result<()> {
    let relay = Relay::before(&world.node().plain_url).await?;
    let url = format!("http://{}", relay.address());
    let gate = &world.gate_with("gate-again", |config| set(config, "gate", "node_url", url)).await?;
    let holder = world.paid_at(gate).await?;
    let handshake = holder.account.wireguard_handshake(world.direct_session(&holder.account).await?)?;
    relay.hold_posts();
    let others = async {
        tokio::time::timeout(SOON, relay.holds_one()).await.context("the node does not answer")?;
        let impatient = tokio::time::timeout(Duration::from_millis(300), knock(gate, &handshake)).await;
        ensure!(impatient.is_err(), "answered before the first one: {impatient:?}");
        let release = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            relay.open();
        };
        let (answers, ()) =
            tokio::join!(futures::future::try_join_all((0..3).map(|_| enter(gate, &handshake))), release);
        answers
    };
    let (first, others) = tokio::join!(enter(gate, &handshake), others);
    let first = first?;
    for other in others? {
        ensure!(other.bytes == first.bytes, "{} and {}", first.body, other.body);
    }
    Ok(())
}

/// After both have restarted the tunnel is empty. An entitled holder opens a new session and has its place free; a
/// holder that has sold the card is refused.
async fn node_and_gate_together(world: &World) -> Result<()> {
    let one_device = |config: &mut toml::Table| config["policy"]["paid"]["devices"] = 1.into();
    let gate = &world.gate_with("gate-together", one_device).await?;
    let (keeper, seller) = (world.paid_at(gate).await?, world.paid_at(gate).await?);
    let stays = Guest::arrive(world, gate, &keeper.account).await?;
    let sells = Guest::arrive(world, gate, &seller.account).await?;
    world.stack.kill_program(&gate.name).await?;
    world.stack.kill_program("node1").await?;
    let (from, to) = (seller.wallet.address(), Wallet::fresh().address());
    world.ethereum.transfer(from, to, world.ethereum.other_card()).await?;
    eventually("the node is up", Duration::from_secs(30), || world.stack.start_program("node1")).await?;
    world.stack.start_program(&gate.name).await?;
    world.until_ready(gate).await?;
    world.until_ready(world.gate()).await?;
    for guest in [&stays, &sells] {
        guest.falls_silent(Duration::ZERO).await.context("a node that has restarted knows nobody")?;
        let out = || async {
            ensure!(state(gate, guest.session).await?.0 == "evicted", "counts as a device");
            Ok(())
        };
        eventually("its session is over", Duration::from_secs(15), out).await?;
    }
    let again = Guest::arrive(world, gate, &keeper.account).await.context("a holder is locked out")?;
    let session = world.direct_session(&seller.account).await?;
    turned_away(gate, &seller.account.wireguard_handshake(session)?, 403, 105).await?;
    // The following reconciliations change nothing.
    tokio::time::sleep(Duration::from_secs(6)).await;
    again.pings().await
}

/// The card has returned, but the node has assigned the address to another peer: that peer keeps it, and the client
/// is told to open a new session.
async fn an_address_that_somebody_else_has_now(world: &World) -> Result<()> {
    let gate = world.gate();
    let guest = Stubborn::prepare(world, gate).await?;
    let tunnel = guest.connect(gate).await??;
    let address = allowed(world, &tunnel.public_key).await?.context("it has no address")?;
    let (seller, buyer) = (guest.holder.wallet.address(), Wallet::fresh().address());
    let card = world.ethereum.other_card();
    world.ethereum.transfer(seller, buyer, card).await?;
    let out = || async {
        ensure!(allowed(world, &tunnel.public_key).await?.is_none(), "its packets pass");
        Ok(())
    };
    eventually("the seller's peer is out", SOON, out).await?;
    let heir = wg(world, &["genkey"]).await?;
    let heir = heir.trim();
    wg(world, &["set", "wg0", "peer", heir, "allowed-ips", &address.replace(' ', ",")]).await?;
    world.ethereum.transfer(buyer, seller, card).await?;
    let told = || async {
        let refusal = guest.connect(gate).await?.err().context("a tunnel with somebody else's address")?;
        ensure!(refusal.code() == Some(125), "shown: {refusal}");
        Ok(refusal)
    };
    let told = eventually("the same handshake is answered", SOON, told).await;
    let still = allowed(world, heir).await;
    wg(world, &["set", "wg0", "peer", heir, "remove"]).await?;
    let sentence = told?.message().to_owned();
    ensure!(sentence.contains("address") && sentence.contains("open a new session"), "says {sentence}");
    ensure!(still? == Some(address), "the other one has lost its address");
    Ok(())
}
