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

use crate::fixture::response_time::eventually_evicted;
use crate::fixture::second_node::restart_second_node;
use crate::fixture::{Fixture, Holder, eventually, session_record, set_key, unique_name};
use crate::rights::steps::{
    Device, connect_device, device_record, ensure_evicted, passes_packets, wait_until_evicted,
};
use crate::rights::stubbed_gate::{LocalAccount, StubbedGate};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![exclusive:
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
async fn start_gate_before_node(fixture: &Fixture, name: &str) -> Result<GateInfo> {
    let name = unique_name(name);
    fixture.cleanup.remove_gate(&name).await;
    fixture.stack.add_gate(&name, 1, |config| set_key(config, "policy", "require_standing", false)).await
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
async fn use_stock_session_interval(fixture: &Fixture) -> Result<()> {
    let before = set_session_interval(&fixture.stack, STOCK_SESSION_INTERVAL)?;
    let stack = Arc::clone(&fixture.stack);
    let restore = async move {
        set_session_interval(&stack, &before)?;
        restart_second_node(&stack).await
    };
    fixture.cleanup.defer("the session interval of the second node", restore).await;
    restart_second_node(&fixture.stack).await
}

/// Restarts the second node after the scenario.
async fn repair_node_afterwards(fixture: &Fixture) {
    let stack = Arc::clone(&fixture.stack);
    fixture.cleanup.defer("the second node", async move { restart_second_node(&stack).await }).await;
}

/// Sends a signal to the node's process alone: its tunnel program goes on.
fn signal_node(stack: &Stack, signal: Signal) -> Result<()> {
    let process = stack.process_id(&node(stack).name).context("the second node does not run")?;
    Ok(kill(Pid::from_raw(process), signal)?)
}

/// A holder of the paid tier with a device at the second node.
async fn connected_holder(fixture: &Fixture, gate: &GateInfo) -> Result<(Holder, Device)> {
    let holder = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.hub().direct_session(&holder.account, &fixture.other_node().address).await?;
    let device = connect_device(gate, &holder.account, session).await?;
    Ok((holder, device))
}

/// A holder with a device in a plan session at the second node, and its subscription.
async fn connected_subscriber(
    fixture: &Fixture,
    gate: &GateInfo,
    card: u64,
    plan: u64,
) -> Result<(Account, Device, u64)> {
    let holder = fixture.create_holder(gate, &[card]).await?;
    let subscription = fixture.hub().subscribe(&holder.account, plan).await?;
    let node = &fixture.other_node().address;
    let session = fixture.hub().start_session(&holder.account, subscription, node).await?;
    let device = connect_device(gate, &holder.account, session).await?;
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
async fn follows_sessions_that_ended_while_the_gate_was_down(fixture: &Fixture) -> Result<()> {
    let (stack, plans) = (&fixture.stack, fixture.stack.info().plans);
    use_stock_session_interval(fixture).await?;
    let gate = &start_gate_before_node(fixture, "gate-down").await?;
    let (this, other) = (fixture.ethereum.this_card(), fixture.ethereum.other_card());
    let (cancelled, unsubscribed, unlinked) = tokio::try_join!(
        connected_holder(fixture, gate),
        connected_subscriber(fixture, gate, this, plans.free),
        connected_subscriber(fixture, gate, other, plans.paid),
    )?;
    stack.kill_program(&gate.name).await?;

    fixture.hub().cancel_session(&cancelled.0.account, cancelled.1.session).await?;
    let subscription = unsubscribed.2.to_string();
    let cancel = ["vpn", "subscription", "cancel-subscription", &subscription];
    fixture.hub().transact(&unsubscribed.0, &cancel).await?;
    let relinked = Arc::clone(stack);
    let link = async move { change_link(&relinked, "MsgLinkNodeRequest", plans.paid).await };
    fixture.cleanup.defer("the link of the second node", link).await;
    change_link(stack, "MsgUnlinkNodeRequest", plans.paid).await?;
    let devices = [
        ("a cancelled session", &cancelled.1),
        ("a cancelled subscription", &unsubscribed.1),
        ("an unlinked node", &unlinked.1),
    ];
    for (what, device) in devices {
        let on_hub = fixture.hub().session(device.session).await?.to_string();
        ensure!(!on_hub.contains("STATUS_ACTIVE\"") && !on_hub.contains("\"active\""), "{what}: {on_hub}");
        ensure!(passes_packets(node(stack), device).await?, "{what}: the node has ended it by itself");
    }

    stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(gate).await?;
    let followed = || async {
        let mut wrong = Vec::new();
        for (what, device) in devices {
            wrong.extend(
                ensure_out(stack, gate, device).await.err().map(|error| format!("{what}: {error:#}")),
            );
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    };
    eventually_evicted(gate, "what ended while the gate was down", followed).await
}

/// Requires that an ended session is recorded as cancelled, or has no record any more, and that no packet of it
/// passes.
async fn ensure_out(stack: &Stack, gate: &GateInfo, device: &Device) -> Result<()> {
    if let Some(now) = session_record(gate, device.session).await? {
        let ended = now["state"] == "ended" || (now["state"] == "evicted" && now["cause"] == "cancelled");
        ensure!(ended, "session {}: {now}", device.session);
    }
    ensure!(!passes_packets(node(stack), device).await?, "packets of session {} pass", device.session);
    Ok(())
}

/// A peer without allowed IPs still counts: the node charges what it sends. While the hub has its session, even a
/// cancelled one, the node reports its counters, so the peer stays; after that it is removed.
async fn removes_peers_of_sessions_that_have_left_the_hub(fixture: &Fixture) -> Result<()> {
    let stubbed_gate = StubbedGate::start(fixture, "gate-removes").await?;
    let (live, sold) =
        tokio::try_join!(connect_stubbed_holder(&stubbed_gate), connect_stubbed_holder(&stubbed_gate))?;
    stubbed_gate.transfer(sold.wallet.address(), Wallet::fresh().address(), stubbed_gate.card(true)).await?;
    let keys = [live.device.key.clone(), sold.device.key.clone()];
    let stay = |what| {
        let held = stubbed_gate.node.held_slots(&keys);
        ensure!(held == keys.len(), "{what}: {held} peers are left in the node's table");
        Ok(())
    };
    let ensure_silent = |device: &Device| {
        let passes = stubbed_gate.node.passes_packets(&device.key);
        async move {
            ensure!(!passes, "packets pass");
            Ok(())
        }
    };
    eventually_evicted(stubbed_gate.gate(), "the seller", || ensure_silent(&sold.device)).await?;
    stay("after the sale")?;
    for holder in [&live, &sold] {
        stubbed_gate.cancel_session(holder.device.session, holder.account.address, SessionKind::Direct);
    }
    eventually_evicted(stubbed_gate.gate(), "the cancelled session", || ensure_silent(&live.device)).await?;
    stay("while the hub has the cancelled sessions")?;

    for holder in [&live, &sold] {
        stubbed_gate.forget_session(holder.device.session);
    }
    let removed = || async {
        let held = stubbed_gate.node.held_slots(&keys);
        ensure!(held == 0, "{held} peers of sessions that are over are in the node's table");
        Ok(())
    };
    eventually("peers of sessions that are over are gone", REMOVAL_LIMIT, removed).await
}

/// A holder of THIS card with a device, behind stub hub and fake node.
struct StubbedHolder {
    wallet: Wallet,
    account: LocalAccount,
    device: Device,
}

async fn connect_stubbed_holder(stubbed_gate: &StubbedGate) -> Result<StubbedHolder> {
    let (wallet, account) =
        (stubbed_gate.ethereum.holder(&[stubbed_gate.card(true)]).await?, LocalAccount::fresh()?);
    stubbed_gate.sign_in(&wallet, account.address, None).await?.result()?;
    let session = stubbed_gate.open_session(account.address, SessionKind::Direct);
    let (handshake, key) = account.handshake(session)?;
    let answer = stubbed_gate.send_handshake_with_retry(&handshake).await?;
    answer.result()?;
    Ok(StubbedHolder { wallet, account, device: Device { session, key, handshake, answer: answer.bytes } })
}

/// Evicts a device by a sale while the node does not answer, and returns the card: no peer may be restored whose
/// traffic is not metered.
async fn expect_no_restore_without_node(
    fixture: &Fixture,
    gate: &GateInfo,
    holder: &Holder,
    device: &Device,
) -> Result<()> {
    let (ethereum, node) = (&fixture.ethereum, node(&fixture.stack));
    let (seller, buyer) = (holder.wallet.address(), Wallet::fresh().address());
    ethereum.transfer(seller, buyer, ethereum.other_card()).await?;
    wait_until_evicted(node, gate, device, "no_card").await?;
    ethereum.transfer(buyer, seller, ethereum.other_card()).await?;
    let begun = std::time::Instant::now();
    while begun.elapsed() < DEAD_NODE_OBSERVATION {
        let passes = passes_packets(node, device).await?;
        ensure!(!passes, "restored {:?} after the card came back, without a node", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The node is killed and its interface stays. A node that starts again has lost its peers.
async fn restores_no_peer_while_the_node_is_dead(fixture: &Fixture) -> Result<()> {
    let stack = &fixture.stack;
    let gate = &start_gate_before_node(fixture, "gate-dead-node").await?;
    let (holder, device) = connected_holder(fixture, gate).await?;
    repair_node_afterwards(fixture).await;
    signal_node(stack, Signal::SIGKILL)?;
    expect_no_restore_without_node(fixture, gate, &holder, &device).await?;
    restart_second_node(stack).await?;
    let settled = || async {
        let now = device_record(gate, &device).await?;
        let passes = passes_packets(node(stack), &device).await?;
        ensure!(now["state"] == "evicted" && now["cause"] == "lost" && !passes, "passes: {passes}, {now}");
        Ok(())
    };
    eventually("the session is lost", NODE_RETURN_LIMIT, settled).await
}

/// A frozen node does not answer, and has its peers when it continues.
async fn restores_peer_once_a_frozen_node_answers_again(fixture: &Fixture) -> Result<()> {
    let stack = &fixture.stack;
    let gate = &start_gate_before_node(fixture, "gate-frozen-node").await?;
    let (holder, device) = connected_holder(fixture, gate).await?;
    let thawed = Arc::clone(stack);
    let thaw = async move { signal_node(&thawed, Signal::SIGCONT) };
    fixture.cleanup.defer("the second node goes on", thaw).await;
    signal_node(stack, Signal::SIGSTOP)?;
    expect_no_restore_without_node(fixture, gate, &holder, &device).await?;
    signal_node(stack, Signal::SIGCONT)?;
    let restored = || async {
        let now = device_record(gate, &device).await?;
        let passes = passes_packets(node(stack), &device).await?;
        ensure!(now["state"] == "live" && passes, "passes: {passes}, {now}");
        Ok(())
    };
    eventually("the session is restored", NODE_RETURN_LIMIT, restored).await
}

/// The gate starts while the node is dead, and remembers which node it stands in front of.
async fn follows_the_hub_while_the_node_is_dead(fixture: &Fixture) -> Result<()> {
    const FOLLOW_LIMIT: Duration = Duration::from_secs(10);
    let stack = &fixture.stack;
    let gate = &start_gate_before_node(fixture, "gate-orphan").await?;
    let (holder, device) = connected_holder(fixture, gate).await?;
    repair_node_afterwards(fixture).await;
    signal_node(stack, Signal::SIGKILL)?;
    stack.kill_program(&gate.name).await?;
    stack.start_program(&gate.name).await?;
    if !passes_packets(node(stack), &device).await? {
        bail!("the peer is out before its session is cancelled");
    }
    fixture.hub().cancel_session(&holder.account, device.session).await?;
    let followed = || async { ensure_out(stack, gate, &device).await };
    eventually("the cancelled session is out", FOLLOW_LIMIT, followed).await?;
    // Another cause would be an eviction by accident.
    if session_record(gate, device.session).await?.is_some() {
        ensure_evicted(node(stack), gate, &device, "cancelled").await?;
    }
    Ok(())
}
