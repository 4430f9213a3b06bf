//! State that survives a restart of the gate, and its expiry.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Challenge, SignIn, Wallet};
use sentinel_stack::info::GateInfo;

use crate::trial::{Trial, trials};
use crate::world::{World, enter, record, refused, shown, some_account, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        between_challenge_and_binding,
        between_binding_and_handshake,
        between_handshake_and_repeat,
        a_nonce_after_a_restart,
        a_challenge_that_ran_out,
        a_sign_in_that_ran_out,
    ]
}

async fn challenge(world: &World, gate: &GateInfo) -> Result<(Wallet, Challenge)> {
    let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
    let challenge = SignIn::at(&gate.url)?.challenge(wallet.address(), &some_account(), None).await?;
    Ok((wallet, challenge))
}

async fn redeem(gate: &GateInfo, wallet: &Wallet, challenge: &Challenge) -> Result<Answer> {
    SignIn::at(&gate.url)?.bind(&challenge.message, &wallet.sign(&challenge.message)?).await
}

async fn between_challenge_and_binding(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-restart1", |_| ()).await?;
    let (wallet, challenge) = challenge(world, &gate).await?;
    world.restart(&gate, None).await?;
    ensure!(redeem(&gate, &wallet, &challenge).await?.status == 201, "the challenge is forgotten");
    Ok(())
}

async fn between_binding_and_handshake(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-restart2", |_| ()).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    // Killed without a chance to write: what was confirmed is on the disk.
    world.stack.kill_program(&gate.name).await?;
    world.stack.start_program(&gate.name).await?;
    world.until_ready(&gate).await?;
    enter(&gate, &holder.account.wireguard_handshake(session)?).await?;
    let binding = SignIn::at(&gate.url)?.binding(holder.token()).await?;
    ensure!(binding.result()?["wallet"] == holder.wallet.address().to_string(), "the token is forgotten");
    Ok(())
}

async fn between_handshake_and_repeat(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-restart3", |_| ()).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let first = enter(&gate, &handshake).await?;
    let listed = record(&gate, session).await?;
    world.stack.kill_program(&gate.name).await?;
    world.stack.start_program(&gate.name).await?;
    world.until_ready(&gate).await?;
    ensure!(enter(&gate, &handshake).await?.bytes == first.bytes, "another answer");
    ensure!(
        listed.is_some() && record(&gate, session).await? == listed,
        "the session is listed in another way"
    );
    // Its tunnel key is still in use.
    let thief = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let second = world.direct_session(&thief.account).await?;
    let request = String::from_utf8(base64_decode(&handshake.data)?)?;
    turned_away(&gate, &thief.account.handshake(second, &request)?, 409, 108).await.map(drop)
}

fn base64_decode(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}

async fn a_nonce_after_a_restart(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-restart4", |_| ()).await?;
    let (wallet, challenge) = challenge(world, &gate).await?;
    ensure!(redeem(&gate, &wallet, &challenge).await?.status == 201, "the first time");
    world.stack.kill_program(&gate.name).await?;
    world.stack.start_program(&gate.name).await?;
    world.until_ready(&gate).await?;
    refused(&redeem(&gate, &wallet, &challenge).await?, 401, 120)
}

/// 120 after five minutes, also across a restart.
async fn a_challenge_that_ran_out(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-late", |_| ()).await?;
    let (wallet, challenge) = challenge(world, &gate).await?;
    world.restart(&gate, Some("+301s")).await?;
    let late = redeem(&gate, &wallet, &challenge).await?;
    refused(&late, 401, 120)?;
    ensure!(late.message().contains("expired"), "says {}", late.message());
    // A challenge that was issued by a clock ahead.
    let (wallet, challenge) = self::challenge(world, &gate).await?;
    world.restart(&gate, Some("-1h")).await?;
    refused(&redeem(&gate, &wallet, &challenge).await?, 401, 120)
}

/// 104 names the sign-in page; a new sign-in restores access.
async fn a_sign_in_that_ran_out(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-expiry", |_| ()).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    world.restart(&gate, Some("+23h")).await?;
    enter(&gate, &handshake).await.context("an hour before its end")?;
    world.restart(&gate, Some("+25h")).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let sentence = turned_away(&gate, &handshake, 401, 104).await?;
    ensure!(sentence.contains("/gate/"), "says {sentence}");
    let shown = shown(world, &gate, session, &holder.account).await?;
    ensure!(shown.code() == Some(104) && shown.message() == sentence, "the stock client shows {shown}");
    refused(&SignIn::at(&gate.url)?.binding(holder.token()).await?, 401, 124).context("its token")?;
    world.bind(&gate, &holder.wallet, &holder.account.address).await?;
    enter(&gate, &handshake).await.map(drop)
}
