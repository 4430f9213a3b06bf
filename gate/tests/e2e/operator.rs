//! The operator's commands: the real binary against a running gate.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use tokio::process::Command;

use crate::enforcement::{Guest, SOON, state};
use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, set, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![sessions_pause_and_lockdown, a_reload_takes_what_it_can, a_holder_is_exported_and_erased]
}

/// Runs `sovereign-gate` with the home of a gate.
async fn run(gate: &GateInfo, args: &[&str]) -> Result<Output> {
    let program = env!("CARGO_BIN_EXE_sovereign-gate");
    let mut command = Command::new(program);
    command.args(["--home", &gate.home]).args(args).kill_on_drop(true);
    Ok(tokio::time::timeout(Duration::from_secs(20), command.output()).await??)
}

/// Runs a command that must succeed; returns its output.
async fn done(gate: &GateInfo, args: &[&str]) -> Result<String> {
    let output = run(gate, args).await?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{args:?}: {} {err}", output.status);
    Ok(out.trim().to_owned())
}

/// Runs a command that must fail with this exit code; returns its error output.
async fn fails(gate: &GateInfo, args: &[&str], code: i32) -> Result<String> {
    let output = run(gate, args).await?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(code), "{args:?} ends with {}: {err}", output.status);
    Ok(err)
}

async fn json(gate: &GateInfo, args: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&done(gate, args).await?)?)
}

async fn is(gate: &GateInfo, session: u64, state_: &str, cause: &str) -> Result<()> {
    eventually(&format!("session {session} is {state_} {cause}"), SOON, || async {
        let now = state(gate, session).await?;
        ensure!(now == (state_.to_owned(), cause.to_owned()), "it is {now:?}");
        Ok(())
    })
    .await
}

async fn sessions_pause_and_lockdown(world: &World) -> Result<()> {
    let gate = &world.gate_with("gate-commands", |_| ()).await?;
    let holders = [world.paid_at(gate).await?, world.paid_at(gate).await?, world.paid_at(gate).await?];
    let mut sessions = Vec::new();
    for holder in &holders[..2] {
        let session = world.direct_session(&holder.account).await?;
        enter(gate, &holder.account.wireguard_handshake(session)?).await?;
        sessions.push(session);
    }
    let guest = Guest::arrive(world, gate, &holders[2].account).await?;
    sessions.push(guest.session);
    let names: Vec<String> = sessions.iter().map(u64::to_string).collect();

    let table = done(gate, &["sessions", "list"]).await?;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for name in &names {
        let row =
            rows.iter().find(|row| row[0] == name).with_context(|| format!("{name} is not in {table}"))?;
        ensure!(row[1..4] == ["live", "paid", "wireguard"], "listed as {row:?}");
    }
    let listed = json(gate, &["sessions", "list", "--json"]).await?;
    ensure!(listed["sessions"].as_array().is_some_and(|list| list.len() == 3), "listed: {listed}");

    fails(gate, &["sessions", "drop", &names[0]], 64).await.context("without a reason")?;
    let complaint = fails(gate, &["sessions", "drop", "everybody", "--reason", "x"], 1).await?;
    ensure!(complaint.contains("neither a session's number nor a wallet"), "complains of {complaint}");
    let said = done(gate, &["sessions", "drop", &names[0], "--reason", "abuse"]).await?;
    ensure!(said == "1 sessions dropped.", "says {said}");
    is(gate, sessions[0], "evicted", "dropped").await?;
    let wallet = holders[1].wallet.address().to_string();
    done(gate, &["sessions", "drop", &wallet, "--reason", "court order"]).await?;
    is(gate, sessions[1], "evicted", "dropped").await?;
    guest.pings().await.context("somebody else's tunnel")?;

    let next = world.direct_session(&holders[0].account).await?;
    let handshake = holders[0].account.wireguard_handshake(next)?;
    ensure!(
        done(gate, &["pause", "--reason", "looking"]).await? == "The gate is paused.",
        "says something else"
    );
    turned_away(gate, &handshake, 503, 110).await?;
    guest.pings().await.context("a pause ends no tunnel")?;
    done(gate, &["pause", "--resume", "--reason", "seen"]).await?;
    enter(gate, &handshake).await?;
    let said = done(gate, &["lockdown", "--reason", "intruder"]).await?;
    ensure!(said == "The gate is paused. 2 sessions dropped.", "says {said}");
    guest.falls_silent(SOON).await?;
    is(gate, next, "evicted", "lockdown").await?;

    // Actions and reasons survive the gate.
    world.stack.kill_program(&gate.name).await?;
    ensure!(
        fails(gate, &["sessions", "list"], 69).await?.contains("does not answer"),
        "a gate that is not there answers"
    );
    world.stack.start_program(&gate.name).await?;
    done(gate, &["pause", "--resume", "--reason", "over"]).await?;
    let said = done(gate, &["sessions", "drop", "all", "--reason", "the end"]).await?;
    ensure!(said == "0 sessions dropped.", "a lockdown is over for somebody: {said}");
    let log = json(gate, &["audit", "--json"]).await?;
    let deeds: Vec<(&str, &str)> = log["audit"]
        .as_array()
        .context("no log")?
        .iter()
        .rev()
        .map(|deed| (deed["action"].as_str().unwrap_or("?"), deed["reason"].as_str().unwrap_or("?")))
        .collect();
    let wanted = [
        ("drop", "abuse"),
        ("drop", "court order"),
        ("pause", "looking"),
        ("resume", "seen"),
        ("lockdown", "intruder"),
        ("pause", "intruder"),
        ("resume", "over"),
        ("drop", "the end"),
    ];
    ensure!(deeds == wanted, "written down: {deeds:?}");
    let text = done(gate, &["audit"]).await?;
    ensure!(text.lines().count() == wanted.len() && text.contains("court order"), "shown as {text}");
    Ok(())
}

/// Changes a gate's file and nothing else.
fn edit(gate: &GateInfo, edit: impl FnOnce(&mut toml::Table)) -> Result<()> {
    let mut config: toml::Table = std::fs::read_to_string(&gate.config)?.parse()?;
    edit(&mut config);
    Ok(std::fs::write(&gate.config, config.to_string())?)
}

async fn a_reload_takes_what_it_can(world: &World) -> Result<()> {
    let gate = &world.gate_with("gate-reload", |_| ()).await?;
    let (bad, worse, good) =
        (world.paid_at(gate).await?, world.paid_at(gate).await?, world.paid_at(gate).await?);
    let denied = Guest::arrive(world, gate, &bad.account).await?;
    let stays = Guest::arrive(world, gate, &good.account).await?;
    let session = world.direct_session(&worse.account).await?;
    let by_account = worse.account.wireguard_handshake(session)?;
    enter(gate, &by_account).await?;
    let before = std::fs::read_to_string(&gate.config)?;
    ensure!(done(gate, &["reload"]).await? == "Read again. In force now: nothing", "something changed");

    edit(gate, |config| {
        set(config, "policy", "deny_wallets", vec![bad.wallet.address().to_string()]);
        set(config, "policy", "deny_accounts", vec![worse.account.address.clone()]);
        set(config, "hub", "timeout", "2s");
        set(config, "gate", "max_connections", 4000);
    })?;
    let said = done(gate, &["reload"]).await?;
    let wanted = "Read again. In force now: policy.deny_accounts, policy.deny_wallets\n\
                  These take a restart: gate.max_connections, hub.timeout";
    ensure!(said == wanted, "says {said}");
    denied.falls_silent(SOON).await?;
    is(gate, denied.session, "evicted", "denied").await?;
    is(gate, session, "evicted", "denied").await?;
    turned_away(gate, &by_account, 403, 109).await?;
    stays.pings().await.context("somebody who is not denied")?;

    // An invalid file changes nothing and is reported.
    edit(gate, |config| set(config, "policy", "deny_wallet", vec!["0x12".to_owned()]))?;
    let complaint = fails(gate, &["reload"], 78).await?;
    ensure!(complaint.contains("deny_wallet"), "complains of {complaint}");
    let answer = Caller::anywhere()?.post(&format!("{}/reload", gate.admin), &serde_json::json!({})).await?;
    ensure!(
        answer.status == 400 && answer.body["error"].as_str().is_some_and(|why| why.contains("deny_wallet"))
    );
    turned_away(gate, &by_account, 403, 109).await.context("after a bad file")?;

    // THIS card becomes another one: its holder moves to the free tier and keeps the tunnel.
    let card = world.ethereum.other_card().to_string();
    std::fs::write(&gate.config, &before)?;
    edit(gate, |config| set(config, "memes", "this_card", card))?;
    let said = done(gate, &["reload"]).await?;
    ensure!(said.contains("memes.this_card") && !said.contains("restart"), "says {said}");
    eventually("the card gives the free tier", SOON, || async {
        let listed = crate::world::record(gate, stays.session).await?.context("not listed")?;
        ensure!(listed["tier"] == "free", "listed as {listed}");
        Ok(())
    })
    .await?;
    stays.pings().await?;
    eventually("nobody is denied any more", SOON, || denied.pings()).await
}

async fn a_holder_is_exported_and_erased(world: &World) -> Result<()> {
    let gate = &world.gate_with("gate-privacy", |_| ()).await?;
    let (holder, other) = (world.paid_at(gate).await?, world.paid_at(gate).await?);
    let guest = Guest::arrive(world, gate, &holder.account).await?;
    let stays = Guest::arrive(world, gate, &other.account).await?;
    let wallet = holder.wallet.address().to_string();
    let kept = json(gate, &["holder", "export", &wallet]).await?;
    let count = |list: &str| kept[list].as_array().map_or(0, Vec::len);
    ensure!((count("bindings"), count("sessions")) == (1, 1), "exported: {kept}");
    ensure!(kept["bindings"][0]["account"] == holder.account.address.as_str(), "exported: {kept}");
    ensure!(kept["sessions"][0]["session_id"] == guest.session, "exported: {kept}");
    fails(gate, &["holder", "export", "../pause"], 1).await?;
    fails(gate, &["holder", "erase", &wallet], 64).await.context("without a reason")?;

    let said = done(gate, &["holder", "erase", &wallet, "--reason", "asked for it"]).await?;
    ensure!(said == "Erased. 1 sessions dropped.", "says {said}");
    guest.falls_silent(SOON).await?;
    stays.pings().await.context("somebody else's tunnel")?;
    let kept = json(gate, &["holder", "export", &wallet]).await?;
    ensure!(
        ["bindings", "sessions", "open_handshakes", "audit"]
            .iter()
            .all(|list| kept[*list] == serde_json::json!([])),
        "{kept}"
    );
    let session = world.direct_session(&holder.account).await?;
    turned_away(gate, &holder.account.wireguard_handshake(session)?, 401, 103).await.map(drop)
}
