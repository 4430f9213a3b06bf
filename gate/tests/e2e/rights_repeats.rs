//! A repeat of a handshake is not a request of the owner (R9), and the server's own tunnel key is no device (R11).

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::enforcement::{post, state};
use crate::rights_fixture::{
    Device, EVICTION_LIMIT, PLACES, are_live, connect, connect_all, newest_device_wins, refused_with_code,
    run_on_node, stay_live, until_evicted, wireguard_peers,
};
use crate::trial::{Trial, trials};
use crate::world::{World, enter, knock, record, refused};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        repeat_of_an_evicted_device_evicts_nothing,
        repeat_after_lockdown_takes_no_place,
        rejects_the_servers_own_tunnel_key,
    ]
}

/// Sends a recorded handshake again, as any observer could; the gate must answer that the tunnel is gone for good.
async fn repeat_is_refused(gate: &GateInfo, device: &Device) -> Result<()> {
    let answer = knock(gate, &device.handshake).await?;
    refused_with_code(&answer, 125).with_context(|| format!("a repeat for session {}", device.session))
}

/// Requires that a repeat of a live session is answered from the record.
async fn repeat_is_answered(gate: &GateInfo, device: &Device) -> Result<()> {
    let answer = enter(gate, &device.handshake).await?;
    ensure!(answer.bytes == device.answer, "another answer for session {}", device.session);
    Ok(())
}

/// One place, with `drop_oldest`. Only the owner can sign in again with the wallet.
async fn repeat_of_an_evicted_device_evicts_nothing(world: &World) -> Result<()> {
    let node = &world.stack.nodes()[0];
    let gate = &world.gate_with("gate-repeats", |config| newest_device_wins(config, 1)).await?;
    let holder = world.paid_at(gate).await?;
    let account = &holder.account;
    let sessions = world.hub().direct_sessions(account, &world.node().address, 2).await?;
    let first = connect(gate, account, sessions[0]).await?;
    let second = connect(gate, account, sessions[1]).await?;
    until_evicted(node, gate, &first, "device_limit", EVICTION_LIMIT).await?;

    for _ in 0..3 {
        repeat_is_refused(gate, &first).await?;
    }
    stay_live(node, gate, &[&second], Duration::from_secs(1)).await.context("after foreign repeats")?;
    repeat_is_answered(gate, &second).await?;

    // Sign-in times have whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.bind(gate, &holder.wallet, &account.address).await?;
    repeat_is_answered(gate, &first).await.context("after a newer sign-in")?;
    are_live(node, gate, &[&first]).await?;
    until_evicted(node, gate, &second, "device_limit", EVICTION_LIMIT).await?;
    repeat_is_refused(gate, &second).await.context("evicted after the newer sign-in")?;
    stay_live(node, gate, &[&first], Duration::from_secs(1)).await
}

/// The operator ends all tunnels and resumes. Recorded handshakes do not restore them; a new session of the owner
/// finds its places free.
async fn repeat_after_lockdown_takes_no_place(world: &World) -> Result<()> {
    let node = &world.stack.nodes()[0];
    let gate = &world.gate_with("gate-repeats-lock", |_| ()).await?;
    let holder = world.paid_at(gate).await?;
    let account = &holder.account;
    let sessions = world.hub().direct_sessions(account, &world.node().address, PLACES + 1).await?;
    let old = connect_all(gate, account, &sessions[..PLACES]).await?;
    repeat_is_answered(gate, &old[0]).await?;
    post(gate, "/lockdown", json!({ "reason": "intruder" })).await?;
    for device in &old {
        until_evicted(node, gate, device, "lockdown", EVICTION_LIMIT).await?;
    }
    post(gate, "/resume", json!({ "reason": "over" })).await?;
    for device in &old {
        repeat_is_refused(gate, device).await?;
        let now = state(gate, device.session).await?;
        ensure!(now.0 == "evicted", "session {} is {now:?} after a repeat", device.session);
    }
    let new = connect(gate, account, sessions[PLACES]).await.context("a new session of the owner")?;
    stay_live(node, gate, &[&new], Duration::from_secs(1)).await?;

    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.bind(gate, &holder.wallet, &account.address).await?;
    repeat_is_answered(gate, &old[0]).await.context("after a newer sign-in")?;
    stay_live(node, gate, &[&old[0], &new], Duration::from_secs(1)).await
}

/// Refused before the node is asked, like the all-zero key.
async fn rejects_the_servers_own_tunnel_key(world: &World) -> Result<()> {
    let (gate, node) = (world.gate(), &world.stack.nodes()[0]);
    let key = run_on_node(node, &["wg", "show", "wg0", "public-key"]).await?;
    let key = key.trim();
    let holder = world.paid().await?;
    let session = world.direct_session(&holder.account).await?;
    let request = json!({ "public_key": key }).to_string();
    let answer = knock(gate, &holder.account.handshake(session, &request)?).await?;
    refused(&answer, 400, 101).context("the key of the server itself")?;
    ensure!(record(gate, session).await?.is_none(), "it has a record");
    ensure!(!wireguard_peers(node).await?.contains_key(key), "it is a peer of the node");
    // A session that the node had seen would be refused with 409 and code 3.
    connect(gate, &holder.account, session).await.context("the same session with another key").map(drop)
}
