//! Failures and restarts of the node: sessions that end on the hub while the gate is down (R8), a node that does not
//! answer (R10), and peers of ended sessions (R12). All scenarios use the second node.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sentinel_proto::address::{AccountAddress, ProviderAddress};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::{Account, Wallet};
use sentinel_stack::info::GateInfo;
use sentinel_stack::{Node, Stack};
use serde_json::json;

use crate::rights_fixture::{
    Device, EVICTION_LIMIT, connect, is_evicted, passes, record_of, run_on_node, until_evicted,
};
use crate::rights_scene::{LocalAccount, Scene};
use crate::trial::{Trial, trials};
use crate::world::{Holder, World, eventually, own, record, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![alone:
        follows_sessions_that_ended_while_the_gate_was_down,
        removes_peers_of_sessions_that_have_left_the_hub,
        restores_no_peer_while_the_node_is_dead,
        restores_peer_once_a_frozen_node_answers_again,
        follows_the_hub_while_the_node_is_dead,
    ]
}

/// Interval at which a stock node checks its sessions.
const STOCK_SESSION_INTERVAL: &str = "5m";
/// Time for which a peer must not return while the node does not answer.
const DEAD_NODE_OBSERVATION: Duration = Duration::from_secs(8);
/// Time limit for the gate to detect that a node has returned.
const NODE_RETURN_LIMIT: Duration = Duration::from_secs(40);
/// Time limit for the removal of a peer whose session has ended.
const REMOVAL_LIMIT: Duration = Duration::from_secs(20);

/// The second node.
fn node(stack: &Stack) -> &Node {
    &stack.nodes()[1]
}

/// Starts a gate in front of the second node.
async fn gate_before_node(world: &World, name: &str) -> Result<GateInfo> {
    let name = own(name);
    world.leavings.gate(&name).await;
    world.stack.add_gate(&name, 1, |config| set(config, "policy", "require_standing", false)).await
}

fn node_config_path(stack: &Stack) -> PathBuf {
    node(stack).home.join("config.toml")
}

/// Sets the interval at which the second node checks its sessions; returns the previous value.
fn set_session_interval(stack: &Stack, interval: &str) -> Result<String> {
    let path = node_config_path(stack);
    let mut config: toml::Table = std::fs::read_to_string(&path)?.parse()?;
    let section = config.get_mut("node").and_then(toml::Value::as_table_mut).context("no [node]")?;
    let before = section.insert("interval_session_validate".to_owned(), interval.into());
    std::fs::write(path, config.to_string())?;
    Ok(before.context("no interval")?.as_str().context("not a text")?.to_owned())
}

/// Restarts the second node with the interval of stock nodes, so that only the gate sees in time what ends on the
/// hub. The previous interval is restored after the scenario.
async fn use_stock_session_interval(world: &World) -> Result<()> {
    let before = set_session_interval(&world.stack, STOCK_SESSION_INTERVAL)?;
    let stack = Arc::clone(&world.stack);
    let restore = async move {
        set_session_interval(&stack, &before)?;
        restart_node(&stack).await
    };
    world.leavings.afterwards("the session interval of the second node", restore).await;
    restart_node(&world.stack).await
}

/// Restarts the second node. A node does not start while an interface of its name exists, which a killed node leaves
/// behind.
async fn restart_node(stack: &Stack) -> Result<()> {
    let node = node(stack);
    if stack.process_id(&node.name).is_some() {
        stack.stop_program(&node.name).await?;
    }
    // The node's transactions must be in a block, or its next one has a stale sequence number.
    stack.hub().wait_for_blocks(2).await?;
    // An error means that the interface does not exist.
    let _ = run_on_node(node, &["ip", "link", "delete", "wg0"]).await;
    let start = || async {
        if stack.process_id(&node.name).is_none() {
            stack.start_program(&node.name).await?;
        }
        run_on_node(node, &["ip", "link", "show", "up", "dev", "wg0"]).await
    };
    eventually("the second node is up", Duration::from_secs(30), start).await.map(drop)
}

/// Restarts the second node after the scenario.
async fn repair_node_afterwards(world: &World) {
    let stack = Arc::clone(&world.stack);
    world.leavings.afterwards("the second node", async move { restart_node(&stack).await }).await;
}

/// Sends a signal to the node's process alone: its tunnel program goes on.
fn signal_node(stack: &Stack, signal: Signal) -> Result<()> {
    let process = stack.process_id(&node(stack).name).context("the second node does not run")?;
    Ok(kill(Pid::from_raw(process), signal)?)
}

/// A holder of the paid tier with a device at the second node.
async fn connected_holder(world: &World, gate: &GateInfo) -> Result<(Holder, Device)> {
    let holder = world.paid_at(gate).await?;
    let session = world.hub().direct_session(&holder.account, &world.other_node().address).await?;
    let device = connect(gate, &holder.account, session).await?;
    Ok((holder, device))
}

/// A holder with a device in a plan session at the second node, and its subscription.
async fn connected_subscriber(
    world: &World,
    gate: &GateInfo,
    card: u64,
    plan: u64,
) -> Result<(Account, Device, u64)> {
    let holder = world.holder(gate, &[card]).await?;
    let subscription = world.hub().subscribe(&holder.account, plan).await?;
    let node = &world.other_node().address;
    let session = world.hub().start_session(&holder.account, subscription, node).await?;
    let device = connect(gate, &holder.account, session).await?;
    Ok((holder.account, device, subscription))
}

/// Links the second node to a plan, or unlinks it.
async fn change_link(stack: &Stack, kind: &str, plan: u64) -> Result<()> {
    let provider: AccountAddress = stack.info().hub.keys["provider"].parse()?;
    let provider: ProviderAddress = provider.in_role();
    let message = json!({ "@type": format!("/sentinel.plan.v3.{kind}"), "from": provider.to_string(),
        "id": plan.to_string(), "node_address": node(stack).address });
    stack.hub().cli().transact_messages("provider", &[message]).await.map(drop)
}

/// A cancelled session, a cancelled subscription and a node unlinked from the plan each end a session while the gate
/// is down.
async fn follows_sessions_that_ended_while_the_gate_was_down(world: &World) -> Result<()> {
    let (stack, plans) = (&world.stack, world.stack.info().plans);
    use_stock_session_interval(world).await?;
    let gate = &gate_before_node(world, "gate-down").await?;
    let (this, other) = (world.ethereum.this_card(), world.ethereum.other_card());
    let (cancelled, unsubscribed, unlinked) = tokio::try_join!(
        connected_holder(world, gate),
        connected_subscriber(world, gate, this, plans.free),
        connected_subscriber(world, gate, other, plans.paid),
    )?;
    stack.kill_program(&gate.name).await?;

    world.hub().cancel_session(&cancelled.0.account, cancelled.1.session).await?;
    let subscription = unsubscribed.2.to_string();
    let cancel = ["vpn", "subscription", "cancel-subscription", &subscription];
    world.hub().transact(&unsubscribed.0, &cancel).await?;
    let relinked = Arc::clone(stack);
    let link = async move { change_link(&relinked, "MsgLinkNodeRequest", plans.paid).await };
    world.leavings.afterwards("the link of the second node", link).await;
    change_link(stack, "MsgUnlinkNodeRequest", plans.paid).await?;
    let devices = [
        ("a cancelled session", &cancelled.1),
        ("a cancelled subscription", &unsubscribed.1),
        ("an unlinked node", &unlinked.1),
    ];
    for (what, device) in devices {
        let on_hub = world.hub().session(device.session).await?.to_string();
        ensure!(!on_hub.contains("STATUS_ACTIVE\"") && !on_hub.contains("\"active\""), "{what}: {on_hub}");
        ensure!(passes(node(stack), device).await?, "{what}: the node has ended it by itself");
    }

    stack.start_program(&gate.name).await?;
    world.until_ready(gate).await?;
    let followed = || async {
        let mut wrong = Vec::new();
        for (what, device) in devices {
            wrong.extend(is_out(stack, gate, device).await.err().map(|error| format!("{what}: {error:#}")));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    };
    eventually("what ended while the gate was down is out", EVICTION_LIMIT, followed).await
}

/// Requires that an ended session is recorded as cancelled, or has no record any more, and that no packet of it
/// passes.
async fn is_out(stack: &Stack, gate: &GateInfo, device: &Device) -> Result<()> {
    if let Some(now) = record(gate, device.session).await? {
        let ended = now["state"] == "ended" || (now["state"] == "evicted" && now["cause"] == "cancelled");
        ensure!(ended, "session {}: {now}", device.session);
    }
    ensure!(!passes(node(stack), device).await?, "packets of session {} pass", device.session);
    Ok(())
}

/// A peer without allowed IPs still counts: the node charges what it sends. While the hub has its session, even a
/// cancelled one, the node reports its counters, so the peer stays; after that it is removed.
async fn removes_peers_of_sessions_that_have_left_the_hub(world: &World) -> Result<()> {
    let scene = Scene::start(world, "gate-removes").await?;
    let (live, sold) = tokio::try_join!(connected(&scene), connected(&scene))?;
    scene.transfer(sold.wallet.address(), Wallet::fresh().address(), scene.card(true)).await?;
    let keys = [live.device.key.clone(), sold.device.key.clone()];
    let stay = |what| {
        let held = scene.node.held_slots(&keys);
        ensure!(held == keys.len(), "{what}: {held} peers are left in the node's table");
        Ok(())
    };
    let is_out = |device: &Device| {
        let passes = scene.node.passes(&device.key);
        async move {
            ensure!(!passes, "packets pass");
            Ok(())
        }
    };
    eventually("the seller is out", EVICTION_LIMIT, || is_out(&sold.device)).await?;
    stay("after the sale")?;
    for holder in [&live, &sold] {
        scene.cancel_session(holder.device.session, holder.account.address, SessionKind::Direct);
    }
    eventually("the cancelled session is out", EVICTION_LIMIT, || is_out(&live.device)).await?;
    stay("while the hub has the cancelled sessions")?;

    for holder in [&live, &sold] {
        scene.forget_session(holder.device.session);
    }
    let removed = || async {
        let held = scene.node.held_slots(&keys);
        ensure!(held == 0, "{held} peers of sessions that are over are in the node's table");
        Ok(())
    };
    eventually("peers of sessions that are over are gone", REMOVAL_LIMIT, removed).await
}

/// A holder of THIS card with a device, behind stub hub and fake node.
struct SceneHolder {
    wallet: Wallet,
    account: LocalAccount,
    device: Device,
}

async fn connected(scene: &Scene) -> Result<SceneHolder> {
    let (wallet, account) = (scene.ethereum.holder(&[scene.card(true)]).await?, LocalAccount::fresh()?);
    scene.sign_in(&wallet, account.address, None).await?.result()?;
    let session = scene.open_session(account.address, SessionKind::Direct);
    let (handshake, key) = account.handshake(session)?;
    let answer = scene.knock_patiently(&handshake, &[]).await?;
    answer.result()?;
    Ok(SceneHolder { wallet, account, device: Device { session, key, handshake, answer: answer.bytes } })
}

/// Evicts a device by a sale while the node does not answer, and returns the card: no peer may be restored whose
/// traffic is not metered.
async fn is_not_restored_without_the_node(
    world: &World,
    gate: &GateInfo,
    holder: &Holder,
    device: &Device,
) -> Result<()> {
    let (ethereum, node) = (&world.ethereum, node(&world.stack));
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    ethereum.transfer(seller, buyer, ethereum.other_card()).await?;
    until_evicted(node, gate, device, "no_card", EVICTION_LIMIT).await?;
    ethereum.transfer(buyer, seller, ethereum.other_card()).await?;
    let begun = std::time::Instant::now();
    while begun.elapsed() < DEAD_NODE_OBSERVATION {
        let passes = passes(node, device).await?;
        ensure!(!passes, "restored {:?} after the card came back, without a node", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The node is killed and its interface stays. A node that starts again has lost its peers.
async fn restores_no_peer_while_the_node_is_dead(world: &World) -> Result<()> {
    let stack = &world.stack;
    let gate = &gate_before_node(world, "gate-dead-node").await?;
    let (holder, device) = connected_holder(world, gate).await?;
    repair_node_afterwards(world).await;
    signal_node(stack, Signal::SIGKILL)?;
    is_not_restored_without_the_node(world, gate, &holder, &device).await?;
    restart_node(stack).await?;
    let settled = || async {
        let now = record_of(gate, &device).await?;
        let passes = passes(node(stack), &device).await?;
        ensure!(now["state"] == "evicted" && now["cause"] == "lost" && !passes, "passes: {passes}, {now}");
        Ok(())
    };
    eventually("the session is lost", NODE_RETURN_LIMIT, settled).await
}

/// A frozen node does not answer, and has its peers when it continues.
async fn restores_peer_once_a_frozen_node_answers_again(world: &World) -> Result<()> {
    let stack = &world.stack;
    let gate = &gate_before_node(world, "gate-frozen-node").await?;
    let (holder, device) = connected_holder(world, gate).await?;
    let thawed = Arc::clone(stack);
    let thaw = async move { signal_node(&thawed, Signal::SIGCONT) };
    world.leavings.afterwards("the second node goes on", thaw).await;
    signal_node(stack, Signal::SIGSTOP)?;
    is_not_restored_without_the_node(world, gate, &holder, &device).await?;
    signal_node(stack, Signal::SIGCONT)?;
    let restored = || async {
        let now = record_of(gate, &device).await?;
        let passes = passes(node(stack), &device).await?;
        ensure!(now["state"] == "live" && passes, "passes: {passes}, {now}");
        Ok(())
    };
    eventually("the session is restored", NODE_RETURN_LIMIT, restored).await
}

/// The gate starts while the node is dead, and remembers which node it stands in front of.
async fn follows_the_hub_while_the_node_is_dead(world: &World) -> Result<()> {
    const FOLLOW_LIMIT: Duration = Duration::from_secs(10);
    let stack = &world.stack;
    let gate = &gate_before_node(world, "gate-orphan").await?;
    let (holder, device) = connected_holder(world, gate).await?;
    repair_node_afterwards(world).await;
    signal_node(stack, Signal::SIGKILL)?;
    stack.kill_program(&gate.name).await?;
    stack.start_program(&gate.name).await?;
    if !passes(node(stack), &device).await? {
        bail!("the peer is out before its session is cancelled");
    }
    world.hub().cancel_session(&holder.account, device.session).await?;
    let followed = || async { is_out(stack, gate, &device).await };
    eventually("the cancelled session is out", FOLLOW_LIMIT, followed).await?;
    // Another cause would be an eviction by accident.
    if record(gate, device.session).await?.is_some() {
        is_evicted(node(stack), gate, &device, "cancelled").await?;
    }
    Ok(())
}
