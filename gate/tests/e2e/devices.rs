//! Device limits of a holder: a session counts against the limit of its own plan.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Caller, SignIn};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};

use crate::enforcement::state;
use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, peer_request, record, rewrite, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_plan_has_a_device_limit_of_its_own, nobody_goes_for_who_is_refused]
}

pub(crate) fn paid_tier(config: &mut toml::Table) -> &mut toml::Table {
    let paid = config.get_mut("policy").and_then(|policy| policy.get_mut("paid"));
    paid.and_then(toml::Value::as_table_mut).expect("the network's gates have a paid tier")
}

/// Sets one device for the paid tier and `devices` for its plan.
fn plan_gives(config: &mut toml::Table, plan: u64, devices: i64) {
    let paid = paid_tier(config);
    paid.insert("devices".to_owned(), 1.into());
    paid.insert(
        "plan_devices".to_owned(),
        toml::Table::from_iter([(plan.to_string(), devices.into())]).into(),
    );
}

/// Sets one device for the paid tier and the behaviour when it is in use.
fn one_device(config: &mut toml::Table, when_full: &str) {
    let paid = paid_tier(config);
    paid.insert("devices".to_owned(), 1.into());
    paid.insert("when_full".to_owned(), when_full.into());
}

async fn reload(gate: &GateInfo) -> Result<Value> {
    Ok(Caller::anywhere()?.post(&format!("{}/reload", gate.admin), &json!({})).await?.body)
}

async fn a_plan_has_a_device_limit_of_its_own(world: &World) -> Result<()> {
    let plan = world.stack.info().plans.paid;
    let gate = &world.gate_with("gate-devices", |config| plan_gives(config, plan, 2)).await?;
    let (holder, account) = (world.paid_at(gate).await?, world.account().await?);
    world.bind(gate, &holder.wallet, &account.address).await?;
    let node = &world.node().address;
    let mut handshakes = Vec::new();
    for account in [&holder.account, &account, &holder.account] {
        let session = world.hub().plan_session(account, plan, node).await?;
        handshakes.push(account.wireguard_handshake(session)?);
    }
    let [first, second, third] = handshakes.as_slice() else { unreachable!("three were made") };

    let answer = enter(gate, first).await?;
    // A direct session has the limit of the tier, and the plan's session counts as a device.
    let direct = world.direct_session(&account).await?;
    let direct = account.wireguard_handshake(direct)?;
    let sentence = turned_away(gate, &direct, 409, 107).await?;
    ensure!(sentence.contains("all 1 devices") && sentence.contains("end one of"), "says {sentence}");
    enter(gate, second).await.context("the plan is for two")?;
    let sentence = turned_away(gate, third, 409, 107).await?;
    ensure!(sentence.contains("all 2 devices"), "says {sentence}");
    let sentence = turned_away(gate, &direct, 409, 107).await?;
    ensure!(sentence.contains("end 2 of the 2 sessions"), "says {sentence}");
    let again = enter(gate, first).await?;
    ensure!(again.bytes == answer.bytes, "the repeat of a live session is answered otherwise");
    let listed = record(gate, first.id).await?.context("not listed")?;
    ensure!(listed["plan"] == plan, "listed as {listed}");
    let devices = SignIn::at(&gate.url)?.binding(holder.token()).await?.result()?["devices"].clone();
    ensure!(devices == json!({ "used": 2, "limit": 1, "plans": { plan.to_string(): 2 } }), "told {devices}");

    // A limit for a plan that is not accepted is an error and changes nothing.
    rewrite(gate, |config| plan_gives(config, plan + 1000, 9))?;
    let told = reload(gate).await?;
    let named = format!("does not accept \"plan:{}\"", plan + 1000);
    ensure!(told["error"].as_str().is_some_and(|why| why.contains(&named)), "says {told}");
    turned_away(gate, third, 409, 107).await?;

    rewrite(gate, |config| plan_gives(config, plan, 3))?;
    let told = reload(gate).await?;
    ensure!(told["taken"] == json!([format!("policy.paid.plan_devices.{plan}")]), "says {told}");
    enter(gate, third).await.context("the plan is for three now")?;

    // A lower limit ends no tunnel; repeats are still answered, and no further device is admitted.
    rewrite(gate, |config| plan_gives(config, plan, 1))?;
    reload(gate).await?;
    let again = enter(gate, first).await.context("a repeat with fewer devices")?;
    ensure!(again.bytes == answer.bytes, "the repeat is answered otherwise");
    let fourth = world.hub().plan_session(&account, plan, node).await?;
    let fourth = account.wireguard_handshake(fourth)?;
    let sentence = turned_away(gate, &fourth, 409, 107).await?;
    ensure!(sentence.contains("all 1 devices") && sentence.contains("end 3 of"), "says {sentence}");
    for (session, owner) in [(first.id, &holder.account), (second.id, &account), (third.id, &holder.account)]
    {
        let listed = record(gate, session).await?.context("not listed")?;
        ensure!(listed["state"] == "live", "listed as {listed}");
        world.hub().cancel_session(owner, session).await?;
    }
    let room = || async { enter(gate, &fourth).await };
    eventually("there is room", Duration::from_secs(10), room).await.map(drop)
}

/// `drop_oldest` evicts only for a device that is admitted; a cancelled session frees its place at once and its
/// tunnel key later.
async fn nobody_goes_for_who_is_refused(world: &World) -> Result<()> {
    let gate = &world.gate_with("gate-newest", |config| one_device(config, "drop_oldest")).await?;
    let holder = world.paid_at(gate).await?;
    let (account, request) = (&holder.account, peer_request());
    let first = world.direct_session(account).await?;
    enter(gate, &account.handshake(first, &request)?).await?;
    let second = world.direct_session(account).await?;
    turned_away(gate, &account.handshake(second, &request)?, 409, 108).await?;
    let now = state(gate, first).await?;
    ensure!(now.0 == "live", "{now:?} for a handshake that is refused");
    enter(gate, &account.wireguard_handshake(second)?).await?;
    let now = state(gate, first).await?;
    ensure!(now == ("evicted".to_owned(), "device_limit".to_owned()), "it is {now:?}");

    let gate = &world.gate_with("gate-cancelled", |config| one_device(config, "refuse")).await?;
    let holder = world.paid_at(gate).await?;
    let (account, request) = (&holder.account, peer_request());
    let (first, second) = (world.direct_session(account).await?, world.direct_session(account).await?);
    enter(gate, &account.handshake(first, &request)?).await?;
    let next = account.wireguard_handshake(second)?;
    turned_away(gate, &next, 409, 107).await?;
    world.hub().cancel_session(account, first).await?;
    enter(gate, &next).await.context("at once")?;
    let now = state(gate, first).await?;
    ensure!(now == ("evicted".to_owned(), "cancelled".to_owned()), "it is {now:?}");
    let third = world.account().await?;
    let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
    world.bind(gate, &wallet, &third.address).await?;
    let session = world.direct_session(&third).await?;
    turned_away(gate, &third.handshake(session, &request)?, 409, 108).await.map(drop)
}
