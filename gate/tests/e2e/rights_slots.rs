//! Slots are bounded (R2): one holder occupies at most its places and a fixed allowance of the node's peer table,
//! over any number of accounts, and has a budget of new admissions.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::actors::{Account, Caller, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};

use crate::rights_fixture::{
    Device, EVICTION_LIMIT, PLACES, SLOT_ALLOWANCE, connect, connect_all, held_slots, record_of, records,
    refused_with_code, until_evicted, wireguard_key,
};
use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, knock, refused, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
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
async fn accounts_with_sessions(world: &World, count: usize) -> Result<Vec<(Account, Vec<u64>)>> {
    let prepare = || async {
        let account = world.account().await?;
        let sessions = world.hub().direct_sessions(&account, &world.node().address, PLACES).await?;
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
        let live = records(gate).await?.into_iter().filter(|record| record["state"] == "live");
        let live: Vec<Value> = live.filter(|record| record["account"] == account.address).collect();
        ensure!(live.is_empty(), "still live: {live:?}");
        Ok(())
    };
    eventually("nothing of the account is live", EVICTION_LIMIT, gone).await
}

/// Cancels all of these sessions on the hub in one transaction.
async fn cancel_sessions(world: &World, account: &Account, sessions: &[u64]) -> Result<()> {
    let cancel = |id: &u64| {
        json!({ "@type": "/sentinel.session.v3.MsgCancelSessionRequest", "from": account.address,
            "id": id.to_string() })
    };
    let messages: Vec<Value> = sessions.iter().map(cancel).collect();
    world.hub().cli().transact_messages(&account.key, &messages).await.map(drop)
}

/// The holder signs in for an account, connects as many devices as there are places, unbinds, and repeats this with
/// the next account.
async fn holder_never_has_more_peers_than_places_and_allowance(world: &World) -> Result<()> {
    let (ethereum, node) = (&world.ethereum, &world.stack.nodes()[0]);
    let gate = &world.gate_with("gate-slots", |_| ()).await?;
    let wallet = ethereum.holder(&[ethereum.this_card()]).await?;
    let accounts = accounts_with_sessions(world, ROUNDS).await?;
    let (mut keys, mut connected, mut refusals) = (BTreeSet::new(), Vec::new(), 0);
    for (account, sessions) in &accounts {
        let binding = world.bind(gate, &wallet, &account.address).await?;
        for session in sessions {
            let handshake = account.wireguard_handshake(*session)?;
            keys.insert(wireguard_key(&handshake)?);
            let answer = knock(gate, &handshake).await?;
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
            refused_with_code(&answer, 107)?;
            let sentence = answer.message().to_lowercase();
            ensure!(sentence.contains("slot"), "does not tell that ended sessions hold slots: {sentence}");
        }
        unbind(gate, &binding, account).await?;
    }
    ensure!(refusals > 0, "no handshake of {} was refused", keys.len());
    ensure!(connected.len() == PLACES + SLOT_ALLOWANCE, "{} handshakes were admitted", connected.len());

    let bystander = world.paid_at(gate).await?;
    let session = world.direct_session(&bystander.account).await?;
    connect(gate, &bystander.account, session).await.context("a bystander with a card of its own")?;

    // Slots are free once the sessions behind them have ended.
    for (account, sessions) in &accounts {
        let ended: Vec<u64> = sessions
            .iter()
            .copied()
            .filter(|id| connected.iter().any(|(_, connected)| connected == id))
            .collect();
        if !ended.is_empty() {
            cancel_sessions(world, account, &ended).await?;
        }
    }
    let (account, sessions) = accounts.last().context("no account")?;
    world.bind(gate, &wallet, &account.address).await?;
    let handshake = account.wireguard_handshake(sessions[0])?;
    let admitted = || async { enter(gate, &handshake).await };
    eventually("a handshake after the ended sessions", SETTLE_LIMIT, admitted).await.map(drop)
}

/// A device whose right has ended keeps its slot until its session has ended.
async fn reports_slots_in_readiness_sessions_and_metrics(world: &World) -> Result<()> {
    let (ethereum, node) = (&world.ethereum, &world.stack.nodes()[0]);
    let gate = &world.gate_with("gate-slots-told", |_| ()).await?;
    let card = ethereum.other_card();
    let holder = world.holder(gate, &[card]).await?;
    let sessions = world.hub().direct_sessions(&holder.account, &world.node().address, 2).await?;
    let devices = connect_all(gate, &holder.account, &sessions).await?;
    is_in_slot(gate, &devices[0], true).await?;

    let told = || async {
        let answer = Caller::fresh()?.get(&format!("{}/ready", gate.admin)).await?;
        let slots = &answer.body["slots"];
        let (held, limit) = (slots["held"].as_u64(), slots["limit"].as_u64());
        let (Some(held), Some(limit)) = (held, limit) else { bail!("/ready says {}", answer.body) };
        ensure!(held >= devices.len() as u64 && held <= limit, "{held} of {limit} slots are held");
        Ok(())
    };
    eventually("/ready tells the slots", SETTLE_LIMIT, told).await?;
    let answer = Caller::fresh()?.get(&format!("{}/metrics", gate.admin)).await?;
    let metrics = String::from_utf8(answer.bytes)?;
    for name in ["sovereign_gate_node_peers", "sovereign_gate_node_peers_limit"] {
        let has_sample = metrics.lines().any(|line| line.split(['{', ' ']).next() == Some(name));
        ensure!(has_sample, "no sample of {name}");
    }

    ethereum.transfer(holder.wallet.address(), Wallet::fresh().address(), card).await?;
    for device in &devices {
        until_evicted(node, gate, device, "no_card", EVICTION_LIMIT).await?;
        is_in_slot(gate, device, true).await.context("evicted, with a session on the hub")?;
    }
    world.hub().cancel_session(&holder.account, devices[0].session).await?;
    let free = || is_in_slot(gate, &devices[0], false);
    eventually("the slot of an ended session is free", SETTLE_LIMIT, free).await?;
    is_in_slot(gate, &devices[1], true).await
}

/// Requires that the record of a device says whether it holds a slot of the node. A removed record holds none.
async fn is_in_slot(gate: &GateInfo, device: &Device, wanted: bool) -> Result<()> {
    let record = match record_of(gate, device).await {
        Ok(record) => record,
        Err(_) if !wanted => return Ok(()),
        Err(error) => return Err(error),
    };
    ensure!(record["slot"] == wanted, "slot of session {}: {record}", device.session);
    Ok(())
}

/// Every session ends before the next one begins, so neither places nor slots are the bound.
async fn refuses_admissions_beyond_the_hourly_budget(world: &World) -> Result<()> {
    const BUDGET: usize = 4;
    let budget = i64::try_from(BUDGET)?;
    let gate = &world
        .gate_with("gate-budget", |config| set(config, "policy", "admissions_per_hour", budget))
        .await?;
    let holder = world.paid_at(gate).await?;
    let node = &world.node().address;
    let sessions = world.hub().direct_sessions(&holder.account, node, BUDGET + 1).await?;
    let mut last = None;
    for session in &sessions[..BUDGET] {
        let handshake = holder.account.wireguard_handshake(*session)?;
        let admitted = || async { enter(gate, &handshake).await };
        eventually("an admission within the budget", SETTLE_LIMIT, admitted).await?;
        if last.is_some() {
            world.hub().cancel_session(&holder.account, *session).await?;
        }
        last.get_or_insert(handshake);
    }
    let beyond = holder.account.wireguard_handshake(sessions[BUDGET])?;
    let answer = knock(gate, &beyond).await?;
    refused(&answer, 429, 113).context("an admission beyond the budget")?;
    let seconds = answer.headers.get("retry-after").context("no Retry-After")?.to_str()?.parse::<u64>()?;
    ensure!((1..=3600).contains(&seconds), "Retry-After is {seconds}");
    let live = last.context("nothing was admitted")?;
    enter(gate, &live).await.context("a repeat of a live session is no new admission")?;
    let bystander = world.paid_at(gate).await?;
    let session = world.direct_session(&bystander.account).await?;
    connect(gate, &bystander.account, session).await.context("another holder").map(drop)
}
