//! Slots are bounded (R2): one holder occupies at most its places and a fixed allowance of the node's peer table,
//! over any number of accounts, and has a budget of new admissions.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::actors::{Account, Caller, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};

use crate::fixture::node_peers::wireguard_key;
use crate::fixture::response_time::eventually_evicted;
use crate::fixture::{
    Fixture, ensure_refusal, eventually, expect_admission, send_handshake, session_records, set_key,
};
use crate::rights::steps::{
    Device, PLACES, SLOT_ALLOWANCE, connect_device, connect_devices, device_record, ensure_refusal_code,
    held_slots, wait_until_evicted,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        holder_never_has_more_peers_than_places_and_allowance,
        reports_slots_in_readiness_sessions_and_metrics,
        refuses_admissions_beyond_the_hourly_budget,
    ]
}

/// Accounts for which one holder signs in, one after the other.
const ROUNDS: usize = 12;

/// Time limit for the hub, the node and the gate to see that sessions have ended.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// Creates accounts with as many sessions as there are places.
async fn accounts_with_sessions(fixture: &Fixture, count: usize) -> Result<Vec<(Account, Vec<u64>)>> {
    let prepare = || async {
        let account = fixture.funded_account().await?;
        let sessions = fixture.hub().direct_sessions(&account, &fixture.node().address, PLACES).await?;
        Ok::<_, anyhow::Error>((account, sessions))
    };
    futures::stream::iter(0..count).map(|_| prepare()).buffer_unordered(4).try_collect().await
}

/// Ends the binding and waits until no session of the account is live.
async fn unbind(gate: &GateInfo, binding: &Value, account: &Account) -> Result<()> {
    let token = binding["token"].as_str().context("a binding has a token")?;
    let answer = SignIn::at(&gate.url)?.unbind(token).await?;
    ensure!(answer.status == 204, "unbinding answers {}", answer.status);
    let gone = || async {
        let live = session_records(gate).await?.into_iter().filter(|record| record["state"] == "live");
        let live: Vec<Value> = live.filter(|record| record["account"] == account.address).collect();
        ensure!(live.is_empty(), "still live: {live:?}");
        Ok(())
    };
    eventually_evicted(gate, "nothing of the account is live", gone).await
}

/// Cancels all of these sessions on the hub in one transaction.
async fn cancel_sessions(fixture: &Fixture, account: &Account, sessions: &[u64]) -> Result<()> {
    let cancel = |id: &u64| {
        json!({ "@type": "/sentinel.session.v3.MsgCancelSessionRequest", "from": account.address,
            "id": id.to_string() })
    };
    let messages: Vec<Value> = sessions.iter().map(cancel).collect();
    fixture.hub().cli().transact_messages(&account.key, &messages).await.map(drop)
}

/// The holder signs in for an account, connects as many devices as there are places, unbinds, and repeats this with
/// the next account.
async fn holder_never_has_more_peers_than_places_and_allowance(fixture: &Fixture) -> Result<()> {
    let (ethereum, node) = (&fixture.ethereum, &fixture.stack.nodes()[0]);
    let gate = &fixture.start_gate("gate-slots", |_| ()).await?;
    let wallet = ethereum.holder(&[ethereum.this_card()]).await?;
    let accounts = accounts_with_sessions(fixture, ROUNDS).await?;
    let (mut keys, mut connected, mut refusals) = (BTreeSet::new(), Vec::new(), 0);
    for (account, sessions) in &accounts {
        let binding = fixture.bind_account(gate, &wallet, &account.address).await?;
        for session in sessions {
            let handshake = account.wireguard_handshake(*session)?;
            keys.insert(wireguard_key(&handshake)?);
            let answer = send_handshake(gate, &handshake).await?;
            let held = held_slots(node, &keys).await?;
            ensure!(
                held <= PLACES + SLOT_ALLOWANCE,
                "a holder with {PLACES} places has {held} peers at the node after {} handshakes",
                keys.len()
            );
            if answer.result().is_ok() {
                connected.push((account, *session));
                continue;
            }
            refusals += 1;
            ensure_refusal_code(&answer, 107)?;
            let message = answer.message().to_lowercase();
            ensure!(message.contains("slot"), "does not tell that ended sessions hold slots: {message}");
        }
        unbind(gate, &binding, account).await?;
    }
    ensure!(refusals > 0, "no handshake of {} was refused", keys.len());
    ensure!(connected.len() == PLACES + SLOT_ALLOWANCE, "{} handshakes were admitted", connected.len());

    let bystander = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.open_direct_session(&bystander.account).await?;
    connect_device(gate, &bystander.account, session).await.context("a bystander with a card of its own")?;

    // Slots are free once the sessions behind them have ended.
    for (account, sessions) in &accounts {
        let ended: Vec<u64> = sessions
            .iter()
            .copied()
            .filter(|id| connected.iter().any(|(_, connected)| connected == id))
            .collect();
        if !ended.is_empty() {
            cancel_sessions(fixture, account, &ended).await?;
        }
    }
    let (account, sessions) = accounts.last().context("no account")?;
    fixture.bind_account(gate, &wallet, &account.address).await?;
    let handshake = account.wireguard_handshake(sessions[0])?;
    let admitted = || async { expect_admission(gate, &handshake).await };
    eventually("a handshake after the ended sessions", SETTLE_LIMIT, admitted).await.map(drop)
}

/// A device whose right has ended keeps its slot until its session has ended.
async fn reports_slots_in_readiness_sessions_and_metrics(fixture: &Fixture) -> Result<()> {
    let (ethereum, node) = (&fixture.ethereum, &fixture.stack.nodes()[0]);
    let gate = &fixture.start_gate("gate-slots-reported", |_| ()).await?;
    let card = ethereum.other_card();
    let holder = fixture.create_holder(gate, &[card]).await?;
    let sessions = fixture.hub().direct_sessions(&holder.account, &fixture.node().address, 2).await?;
    let devices = connect_devices(gate, &holder.account, &sessions).await?;
    ensure_slot(gate, &devices[0], true).await?;

    let reported = || async {
        let answer = Caller::fresh()?.get(&format!("{}/ready", gate.admin)).await?;
        let slots = &answer.body["slots"];
        let (held, limit) = (slots["held"].as_u64(), slots["limit"].as_u64());
        let (Some(held), Some(limit)) = (held, limit) else { bail!("/ready reports {}", answer.body) };
        ensure!(held >= devices.len() as u64 && held <= limit, "{held} of {limit} slots are held");
        Ok(())
    };
    eventually("/ready reports the slots", SETTLE_LIMIT, reported).await?;
    let answer = Caller::fresh()?.get(&format!("{}/metrics", gate.admin)).await?;
    let metrics = String::from_utf8(answer.bytes)?;
    for name in ["sovereign_gate_node_peers", "sovereign_gate_node_peers_limit"] {
        let has_sample = metrics.lines().any(|line| line.split(['{', ' ']).next() == Some(name));
        ensure!(has_sample, "no sample of {name}");
    }

    ethereum.transfer(holder.wallet.address(), Wallet::fresh().address(), card).await?;
    for device in &devices {
        wait_until_evicted(node, gate, device, "no_card").await?;
        ensure_slot(gate, device, true).await.context("evicted, with a session on the hub")?;
    }
    fixture.hub().cancel_session(&holder.account, devices[0].session).await?;
    let free = || ensure_slot(gate, &devices[0], false);
    eventually("the slot of an ended session is free", SETTLE_LIMIT, free).await?;
    ensure_slot(gate, &devices[1], true).await
}

/// Requires that the record of a device says whether it holds a slot of the node. A removed record holds none.
async fn ensure_slot(gate: &GateInfo, device: &Device, wanted: bool) -> Result<()> {
    let record = match device_record(gate, device).await {
        Ok(record) => record,
        Err(_) if !wanted => return Ok(()),
        Err(error) => return Err(error),
    };
    ensure!(record["slot"] == wanted, "slot of session {}: {record}", device.session);
    Ok(())
}

/// Every session ends before the next one begins, so neither places nor slots are the bound.
async fn refuses_admissions_beyond_the_hourly_budget(fixture: &Fixture) -> Result<()> {
    const BUDGET: usize = 4;
    let budget = i64::try_from(BUDGET)?;
    let gate = &fixture
        .start_gate("gate-budget", |config| set_key(config, "policy", "admissions_per_hour", budget))
        .await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let node = &fixture.node().address;
    let sessions = fixture.hub().direct_sessions(&holder.account, node, BUDGET + 1).await?;
    let mut last = None;
    for session in &sessions[..BUDGET] {
        let handshake = holder.account.wireguard_handshake(*session)?;
        let admitted = || async { expect_admission(gate, &handshake).await };
        eventually("an admission within the budget", SETTLE_LIMIT, admitted).await?;
        if last.is_some() {
            fixture.hub().cancel_session(&holder.account, *session).await?;
        }
        last.get_or_insert(handshake);
    }
    let beyond = holder.account.wireguard_handshake(sessions[BUDGET])?;
    let answer = send_handshake(gate, &beyond).await?;
    ensure_refusal(&answer, 429, 113).context("an admission beyond the budget")?;
    let seconds = answer.headers.get("retry-after").context("no Retry-After")?.to_str()?.parse::<u64>()?;
    ensure!((1..=3600).contains(&seconds), "Retry-After is {seconds}");
    let live = last.context("nothing was admitted")?;
    expect_admission(gate, &live).await.context("a repeat of a live session is no new admission")?;
    let bystander = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.open_direct_session(&bystander.account).await?;
    connect_device(gate, &bystander.account, session).await.context("another holder").map(drop)
}
