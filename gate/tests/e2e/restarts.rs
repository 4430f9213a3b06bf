//! State that survives a restart of the gate, and its expiry.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::SignIn;

use crate::fixture::node_peers::peer_request;
use crate::fixture::{
    Fixture, Newcomer, client_refusal, ensure_refusal, expect_admission, expect_refusal, session_record,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        keeps_challenge_across_restart,
        keeps_binding_across_kill,
        keeps_session_across_kill,
        keeps_used_nonce_across_kill,
        rejects_expired_challenge,
        rejects_expired_binding,
    ]
}

async fn keeps_challenge_across_restart(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-restart1", |_| ()).await?;
    let newcomer = Newcomer::create(fixture, &gate).await?;
    fixture.restart_gate(&gate, None).await?;
    ensure!(newcomer.redeem(&gate).await?.status == 201, "the challenge is forgotten");
    Ok(())
}

async fn keeps_binding_across_kill(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-restart2", |_| ()).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    // Killed without a chance to write: what was confirmed is on the disk.
    fixture.stack.kill_program(&gate.name).await?;
    fixture.stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(&gate).await?;
    expect_admission(&gate, &holder.account.wireguard_handshake(session)?).await?;
    let binding = SignIn::at(&gate.url)?.binding(holder.token()).await?;
    ensure!(binding.result()?["wallet"] == holder.wallet.address().to_string(), "the token is forgotten");
    Ok(())
}

async fn keeps_session_across_kill(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-restart3", |_| ()).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let first = expect_admission(&gate, &handshake).await?;
    let listed = session_record(&gate, session).await?;
    fixture.stack.kill_program(&gate.name).await?;
    fixture.stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(&gate).await?;
    ensure!(expect_admission(&gate, &handshake).await?.bytes == first.bytes, "another answer");
    ensure!(listed.is_some() && session_record(&gate, session).await? == listed, "the record has changed");
    // Its tunnel key is still in use.
    let attacker = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let second = fixture.open_direct_session(&attacker.account).await?;
    let request = peer_request(&handshake)?;
    expect_refusal(&gate, &attacker.account.handshake(second, &request)?, 409, 108).await.map(drop)
}

async fn keeps_used_nonce_across_kill(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-restart4", |_| ()).await?;
    let newcomer = Newcomer::create(fixture, &gate).await?;
    ensure!(newcomer.redeem(&gate).await?.status == 201, "the first time");
    fixture.stack.kill_program(&gate.name).await?;
    fixture.stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(&gate).await?;
    ensure_refusal(&newcomer.redeem(&gate).await?, 401, 120)
}

/// 120 after five minutes, also across a restart.
async fn rejects_expired_challenge(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-late", |_| ()).await?;
    let newcomer = Newcomer::create(fixture, &gate).await?;
    fixture.restart_gate(&gate, Some("+301s")).await?;
    let late = newcomer.redeem(&gate).await?;
    ensure_refusal(&late, 401, 120)?;
    ensure!(late.message().contains("expired"), "the message is {}", late.message());
    // A challenge that was issued by a clock ahead.
    let newcomer = Newcomer::create(fixture, &gate).await?;
    fixture.restart_gate(&gate, Some("-1h")).await?;
    ensure_refusal(&newcomer.redeem(&gate).await?, 401, 120)
}

/// 104 names the sign-in page; a new sign-in restores access.
async fn rejects_expired_binding(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-expiry", |_| ()).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    fixture.restart_gate(&gate, Some("+23h")).await?;
    expect_admission(&gate, &handshake).await.context("an hour before its end")?;
    fixture.restart_gate(&gate, Some("+25h")).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let message = expect_refusal(&gate, &handshake, 401, 104).await?;
    ensure!(message.contains("/gate/"), "the message is {message}");
    let refusal = client_refusal(fixture, &gate, session, &holder.account).await?;
    ensure!(refusal.code() == Some(104) && refusal.message() == message, "the stock client shows {refusal}");
    ensure_refusal(&SignIn::at(&gate.url)?.binding(holder.token()).await?, 401, 124).context("its token")?;
    fixture.bind_account(&gate, &holder.wallet, &holder.account.address).await?;
    expect_admission(&gate, &handshake).await.map(drop)
}
