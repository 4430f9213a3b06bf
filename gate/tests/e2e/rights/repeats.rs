//! A repeat of a handshake is not a request of the owner (R9), and the server's own tunnel key is no device (R11).

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::info::GateInfo;
use serde_json::json;

use crate::fixture::node_peers::{run_on_node, wireguard_peers};
use crate::fixture::{
    Fixture, ensure_refusal, expect_admission, post_admin, send_handshake, session_record, session_state,
};
use crate::rights::steps::{
    Device, PLACES, connect_device, connect_devices, ensure_live, ensure_refusal_code, ensure_stay_live,
    set_drop_oldest, wait_until_evicted,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        repeat_of_an_evicted_device_evicts_nothing,
        repeat_after_lockdown_takes_no_place,
        rejects_the_servers_own_tunnel_key,
    ]
}

/// Sends a recorded handshake again, as any observer could; the gate must answer that the tunnel is gone for good.
async fn expect_repeat_refused(gate: &GateInfo, device: &Device) -> Result<()> {
    let answer = send_handshake(gate, &device.handshake).await?;
    ensure_refusal_code(&answer, 125).with_context(|| format!("a repeat for session {}", device.session))
}

/// Requires that a repeat of a live session is answered from the record.
async fn expect_repeat_answered(gate: &GateInfo, device: &Device) -> Result<()> {
    let answer = expect_admission(gate, &device.handshake).await?;
    ensure!(answer.bytes == device.answer, "another answer for session {}", device.session);
    Ok(())
}

/// One place, with `drop_oldest`. Only the owner can sign in again with the wallet.
async fn repeat_of_an_evicted_device_evicts_nothing(fixture: &Fixture) -> Result<()> {
    let node = &fixture.stack.nodes()[0];
    let gate = &fixture.start_gate("gate-repeats", |config| set_drop_oldest(config, 1)).await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let account = &holder.account;
    let sessions = fixture.hub().direct_sessions(account, &fixture.node().address, 2).await?;
    let first = connect_device(gate, account, sessions[0]).await?;
    let second = connect_device(gate, account, sessions[1]).await?;
    wait_until_evicted(node, gate, &first, "device_limit").await?;

    for _ in 0..3 {
        expect_repeat_refused(gate, &first).await?;
    }
    ensure_stay_live(node, gate, &[&second], Duration::from_secs(1))
        .await
        .context("after foreign repeats")?;
    expect_repeat_answered(gate, &second).await?;

    // Sign-in times have whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    fixture.bind_account(gate, &holder.wallet, &account.address).await?;
    expect_repeat_answered(gate, &first).await.context("after a newer sign-in")?;
    ensure_live(node, gate, &[&first]).await?;
    wait_until_evicted(node, gate, &second, "device_limit").await?;
    expect_repeat_refused(gate, &second).await.context("evicted after the newer sign-in")?;
    ensure_stay_live(node, gate, &[&first], Duration::from_secs(1)).await
}

/// The operator ends all tunnels and resumes. Recorded handshakes do not restore them; a new session of the owner
/// finds its places free.
async fn repeat_after_lockdown_takes_no_place(fixture: &Fixture) -> Result<()> {
    let node = &fixture.stack.nodes()[0];
    let gate = &fixture.start_gate("gate-repeats-lock", |_| ()).await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let account = &holder.account;
    let sessions = fixture.hub().direct_sessions(account, &fixture.node().address, PLACES + 1).await?;
    let old = connect_devices(gate, account, &sessions[..PLACES]).await?;
    expect_repeat_answered(gate, &old[0]).await?;
    post_admin(gate, "/lockdown", json!({ "reason": "intruder" })).await?;
    for device in &old {
        wait_until_evicted(node, gate, device, "lockdown").await?;
    }
    post_admin(gate, "/resume", json!({ "reason": "over" })).await?;
    for device in &old {
        expect_repeat_refused(gate, device).await?;
        let now = session_state(gate, device.session).await?;
        ensure!(now.0 == "evicted", "session {} is {now:?} after a repeat", device.session);
    }
    let new = connect_device(gate, account, sessions[PLACES]).await.context("a new session of the owner")?;
    ensure_stay_live(node, gate, &[&new], Duration::from_secs(1)).await?;

    tokio::time::sleep(Duration::from_millis(1100)).await;
    fixture.bind_account(gate, &holder.wallet, &account.address).await?;
    expect_repeat_answered(gate, &old[0]).await.context("after a newer sign-in")?;
    ensure_stay_live(node, gate, &[&old[0], &new], Duration::from_secs(1)).await
}

/// Refused before the node is asked, like the all-zero key.
async fn rejects_the_servers_own_tunnel_key(fixture: &Fixture) -> Result<()> {
    let (gate, node) = (fixture.gate(), &fixture.stack.nodes()[0]);
    let key = run_on_node(node, &["wg", "show", "wg0", "public-key"]).await?;
    let key = key.trim();
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let request = json!({ "public_key": key }).to_string();
    let answer = send_handshake(gate, &holder.account.handshake(session, &request)?).await?;
    ensure_refusal(&answer, 400, 101).context("the key of the server itself")?;
    ensure!(session_record(gate, session).await?.is_none(), "it has a record");
    ensure!(!wireguard_peers(node).await?.contains_key(key), "it is a peer of the node");
    // A session that the node had seen would be refused with 409 and code 3.
    connect_device(gate, &holder.account, session)
        .await
        .context("the same session with another key")
        .map(drop)
}
