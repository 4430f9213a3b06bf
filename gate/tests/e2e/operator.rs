//! The operator's commands: the real binary against a running gate.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use tokio::process::Command;

use crate::fixture::response_time::eventually_within;
use crate::fixture::{
    ConnectedClient, EVICTION_LIMIT, Fixture, edit_config, expect_admission, expect_refusal, session_state,
    set_key,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![drops_pauses_and_locks_down, reload_applies_what_needs_no_restart, exports_and_erases_holder]
}

/// Runs `sovereign-gate` with the home of a gate.
async fn run_gate(gate: &GateInfo, args: &[&str]) -> Result<Output> {
    let program = env!("CARGO_BIN_EXE_sovereign-gate");
    let mut command = Command::new(program);
    command.args(["--home", &gate.home]).args(args).kill_on_drop(true);
    Ok(tokio::time::timeout(Duration::from_secs(20), command.output()).await??)
}

/// Runs a command that must succeed; returns its output.
async fn run_expecting_success(gate: &GateInfo, args: &[&str]) -> Result<String> {
    let output = run_gate(gate, args).await?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{args:?}: {} {err}", output.status);
    Ok(out.trim().to_owned())
}

/// Runs a command that must fail with this exit code; returns its error output.
async fn run_expecting_failure(gate: &GateInfo, args: &[&str], code: i32) -> Result<String> {
    let output = run_gate(gate, args).await?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(code), "{args:?} ends with {}: {err}", output.status);
    Ok(err)
}

async fn run_expecting_json(gate: &GateInfo, args: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&run_expecting_success(gate, args).await?)?)
}

async fn wait_until_state(gate: &GateInfo, session: u64, wanted: &str, cause: &str) -> Result<()> {
    eventually_within(gate, EVICTION_LIMIT, &format!("session {session} is {wanted} {cause}"), || async {
        let now = session_state(gate, session).await?;
        ensure!(now == (wanted.to_owned(), cause.to_owned()), "it is {now:?}");
        Ok(())
    })
    .await
}

async fn drops_pauses_and_locks_down(fixture: &Fixture) -> Result<()> {
    let gate = &fixture.start_gate("gate-commands", |_| ()).await?;
    let holders = [
        fixture.create_paid_holder_at(gate).await?,
        fixture.create_paid_holder_at(gate).await?,
        fixture.create_paid_holder_at(gate).await?,
    ];
    let mut sessions = Vec::new();
    for holder in &holders[..2] {
        let session = fixture.open_direct_session(&holder.account).await?;
        expect_admission(gate, &holder.account.wireguard_handshake(session)?).await?;
        sessions.push(session);
    }
    let connected = ConnectedClient::connect(fixture, gate, &holders[2].account).await?;
    sessions.push(connected.session);
    let names: Vec<String> = sessions.iter().map(u64::to_string).collect();

    let table = run_expecting_success(gate, &["sessions", "list"]).await?;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for name in &names {
        let row =
            rows.iter().find(|row| row[0] == name).with_context(|| format!("{name} is not in {table}"))?;
        ensure!(row[1..4] == ["live", "paid", "wireguard"], "listed as {row:?}");
    }
    let listed = run_expecting_json(gate, &["sessions", "list", "--json"]).await?;
    ensure!(listed["sessions"].as_array().is_some_and(|list| list.len() == 3), "listed: {listed}");

    run_expecting_failure(gate, &["sessions", "drop", &names[0]], 64).await.context("without a reason")?;
    let complaint =
        run_expecting_failure(gate, &["sessions", "drop", "everybody", "--reason", "x"], 1).await?;
    ensure!(complaint.contains("neither a session's number nor a wallet"), "the error output is {complaint}");
    let output = run_expecting_success(gate, &["sessions", "drop", &names[0], "--reason", "abuse"]).await?;
    ensure!(output == "1 sessions dropped.", "the output is {output}");
    wait_until_state(gate, sessions[0], "evicted", "dropped").await?;
    let wallet = holders[1].wallet.address().to_string();
    run_expecting_success(gate, &["sessions", "drop", &wallet, "--reason", "court order"]).await?;
    wait_until_state(gate, sessions[1], "evicted", "dropped").await?;
    connected.expect_ping().await.context("another holder's tunnel")?;

    let next = fixture.open_direct_session(&holders[0].account).await?;
    let handshake = holders[0].account.wireguard_handshake(next)?;
    ensure!(
        run_expecting_success(gate, &["pause", "--reason", "looking"]).await? == "The gate is paused.",
        "the output is another one"
    );
    expect_refusal(gate, &handshake, 503, 110).await?;
    connected.expect_ping().await.context("a pause ends no tunnel")?;
    run_expecting_success(gate, &["pause", "--resume", "--reason", "seen"]).await?;
    expect_admission(gate, &handshake).await?;
    let output = run_expecting_success(gate, &["lockdown", "--reason", "intruder"]).await?;
    ensure!(output == "The gate is paused. 2 sessions dropped.", "the output is {output}");
    connected.expect_eviction().await?;
    wait_until_state(gate, next, "evicted", "lockdown").await?;

    // Actions and reasons survive the gate.
    fixture.stack.kill_program(&gate.name).await?;
    ensure!(
        run_expecting_failure(gate, &["sessions", "list"], 69).await?.contains("does not answer"),
        "a gate that is not there answers"
    );
    fixture.stack.start_program(&gate.name).await?;
    run_expecting_success(gate, &["pause", "--resume", "--reason", "over"]).await?;
    let output = run_expecting_success(gate, &["sessions", "drop", "all", "--reason", "the end"]).await?;
    ensure!(output == "0 sessions dropped.", "a session survived the lockdown: {output}");
    let log = run_expecting_json(gate, &["audit", "--json"]).await?;
    let entries: Vec<(&str, &str)> = log["audit"]
        .as_array()
        .context("no log")?
        .iter()
        .rev()
        .map(|entry| (entry["action"].as_str().unwrap_or("?"), entry["reason"].as_str().unwrap_or("?")))
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
    ensure!(entries == wanted, "audit log: {entries:?}");
    let text = run_expecting_success(gate, &["audit"]).await?;
    ensure!(text.lines().count() == wanted.len() && text.contains("court order"), "shown as {text}");
    Ok(())
}

/// Changes a gate's file and nothing else.
async fn reload_applies_what_needs_no_restart(fixture: &Fixture) -> Result<()> {
    let gate = &fixture.start_gate("gate-reload", |_| ()).await?;
    let (bad, worse, good) = (
        fixture.create_paid_holder_at(gate).await?,
        fixture.create_paid_holder_at(gate).await?,
        fixture.create_paid_holder_at(gate).await?,
    );
    let denied = ConnectedClient::connect(fixture, gate, &bad.account).await?;
    let stays = ConnectedClient::connect(fixture, gate, &good.account).await?;
    let session = fixture.open_direct_session(&worse.account).await?;
    let by_account = worse.account.wireguard_handshake(session)?;
    expect_admission(gate, &by_account).await?;
    let before = std::fs::read_to_string(&gate.config)?;
    ensure!(
        run_expecting_success(gate, &["reload"]).await? == "Read again. In force now: nothing",
        "something changed"
    );

    edit_config(gate, |config| {
        set_key(config, "policy", "deny_wallets", vec![bad.wallet.address().to_string()]);
        set_key(config, "policy", "deny_accounts", vec![worse.account.address.clone()]);
        set_key(config, "hub", "timeout", "2s");
        set_key(config, "gate", "max_connections", 4000);
    })?;
    let output = run_expecting_success(gate, &["reload"]).await?;
    let wanted = "Read again. In force now: policy.deny_accounts, policy.deny_wallets\n\
                  These take a restart: gate.max_connections, hub.timeout";
    ensure!(output == wanted, "the output is {output}");
    denied.expect_eviction().await?;
    wait_until_state(gate, denied.session, "evicted", "denied").await?;
    wait_until_state(gate, session, "evicted", "denied").await?;
    expect_refusal(gate, &by_account, 403, 109).await?;
    stays.expect_ping().await.context("a holder who is not denied")?;

    // An invalid file changes nothing and is reported.
    edit_config(gate, |config| set_key(config, "policy", "deny_wallet", vec!["0x12".to_owned()]))?;
    let complaint = run_expecting_failure(gate, &["reload"], 78).await?;
    ensure!(complaint.contains("deny_wallet"), "the error output is {complaint}");
    let answer = Caller::anywhere()?.post(&format!("{}/reload", gate.admin), &serde_json::json!({})).await?;
    ensure!(
        answer.status == 400 && answer.body["error"].as_str().is_some_and(|why| why.contains("deny_wallet"))
    );
    expect_refusal(gate, &by_account, 403, 109).await.context("after a bad file")?;

    // THIS card becomes another one: its holder moves to the free tier and keeps the tunnel.
    let card = fixture.ethereum.other_card().to_string();
    std::fs::write(&gate.config, &before)?;
    edit_config(gate, |config| set_key(config, "memes", "this_card", card))?;
    let output = run_expecting_success(gate, &["reload"]).await?;
    ensure!(output.contains("memes.this_card") && !output.contains("restart"), "the output is {output}");
    eventually_within(gate, EVICTION_LIMIT, "the card gives the free tier", || async {
        let listed = crate::fixture::session_record(gate, stays.session).await?.context("not listed")?;
        ensure!(listed["tier"] == "free", "listed as {listed}");
        Ok(())
    })
    .await?;
    stays.expect_ping().await?;
    denied.expect_return().await
}

async fn exports_and_erases_holder(fixture: &Fixture) -> Result<()> {
    let gate = &fixture.start_gate("gate-privacy", |_| ()).await?;
    let (holder, other) =
        (fixture.create_paid_holder_at(gate).await?, fixture.create_paid_holder_at(gate).await?);
    let connected = ConnectedClient::connect(fixture, gate, &holder.account).await?;
    let stays = ConnectedClient::connect(fixture, gate, &other.account).await?;
    let wallet = holder.wallet.address().to_string();
    let export = run_expecting_json(gate, &["holder", "export", &wallet]).await?;
    let count = |list: &str| export[list].as_array().map_or(0, Vec::len);
    ensure!((count("bindings"), count("sessions")) == (1, 1), "exported: {export}");
    ensure!(export["bindings"][0]["account"] == holder.account.address.as_str(), "exported: {export}");
    ensure!(export["sessions"][0]["session_id"] == connected.session, "exported: {export}");
    run_expecting_failure(gate, &["holder", "export", "../pause"], 1).await?;
    run_expecting_failure(gate, &["holder", "erase", &wallet], 64).await.context("without a reason")?;

    let output =
        run_expecting_success(gate, &["holder", "erase", &wallet, "--reason", "asked for it"]).await?;
    ensure!(output == "Erased. 1 sessions dropped.", "the output is {output}");
    connected.expect_eviction().await?;
    stays.expect_ping().await.context("another holder's tunnel")?;
    let export = run_expecting_json(gate, &["holder", "export", &wallet]).await?;
    ensure!(
        ["bindings", "sessions", "open_handshakes", "audit"]
            .iter()
            .all(|list| export[*list] == serde_json::json!([])),
        "{export}"
    );
    let session = fixture.open_direct_session(&holder.account).await?;
    expect_refusal(gate, &holder.account.wireguard_handshake(session)?, 401, 103).await.map(drop)
}
