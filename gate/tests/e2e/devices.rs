//! Device limits of a holder: a session counts against the limit of its own plan.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Caller, SignIn};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};

use crate::fixture::{
    Fixture, edit_config, eventually, expect_admission, expect_refusal, random_peer_request, session_record,
    session_state,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![applies_the_device_limit_of_the_plan, evicts_no_device_for_a_refused_handshake]
}

pub(crate) fn paid_tier(config: &mut toml::Table) -> &mut toml::Table {
    let paid = config.get_mut("policy").and_then(|policy| policy.get_mut("paid"));
    paid.and_then(toml::Value::as_table_mut).expect("the network's gates have a paid tier")
}

/// Sets one device for the paid tier and `devices` for its plan.
fn set_plan_devices(config: &mut toml::Table, plan: u64, devices: i64) {
    let paid = paid_tier(config);
    paid.insert("devices".to_owned(), 1.into());
    paid.insert(
        "plan_devices".to_owned(),
        toml::Table::from_iter([(plan.to_string(), devices.into())]).into(),
    );
}

/// Sets one device for the paid tier and the behaviour when it is in use.
fn set_one_device(config: &mut toml::Table, when_full: &str) {
    let paid = paid_tier(config);
    paid.insert("devices".to_owned(), 1.into());
    paid.insert("when_full".to_owned(), when_full.into());
}

async fn reload(gate: &GateInfo) -> Result<Value> {
    Ok(Caller::anywhere()?.post(&format!("{}/reload", gate.admin), &json!({})).await?.body)
}

async fn applies_the_device_limit_of_the_plan(fixture: &Fixture) -> Result<()> {
    let plan = fixture.stack.info().plans.paid;
    let gate = &fixture.start_gate("gate-devices", |config| set_plan_devices(config, plan, 2)).await?;
    let (holder, account) = (fixture.create_paid_holder_at(gate).await?, fixture.funded_account().await?);
    fixture.bind_account(gate, &holder.wallet, &account.address).await?;
    let node = &fixture.node().address;
    let mut handshakes = Vec::new();
    for account in [&holder.account, &account, &holder.account] {
        let session = fixture.hub().plan_session(account, plan, node).await?;
        handshakes.push(account.wireguard_handshake(session)?);
    }
    let [first, second, third] = handshakes.as_slice() else { unreachable!("three were made") };

    let answer = expect_admission(gate, first).await?;
    // A direct session has the limit of the tier, and the plan's session counts as a device.
    let direct = fixture.open_direct_session(&account).await?;
    let direct = account.wireguard_handshake(direct)?;
    let message = expect_refusal(gate, &direct, 409, 107).await?;
    ensure!(message.contains("all 1 devices") && message.contains("end one of"), "the message is {message}");
    expect_admission(gate, second).await.context("the plan is for two")?;
    let message = expect_refusal(gate, third, 409, 107).await?;
    ensure!(message.contains("all 2 devices"), "the message is {message}");
    let message = expect_refusal(gate, &direct, 409, 107).await?;
    ensure!(message.contains("end 2 of the 2 sessions"), "the message is {message}");
    let again = expect_admission(gate, first).await?;
    ensure!(again.bytes == answer.bytes, "the repeat of a live session is answered otherwise");
    let listed = session_record(gate, first.id).await?.context("not listed")?;
    ensure!(listed["plan"] == plan, "listed as {listed}");
    let devices = SignIn::at(&gate.url)?.binding(holder.token()).await?.result()?["devices"].clone();
    ensure!(
        devices == json!({ "used": 2, "limit": 1, "plans": { plan.to_string(): 2 } }),
        "devices are {devices}"
    );

    // A limit for a plan that is not accepted is an error and changes nothing.
    edit_config(gate, |config| set_plan_devices(config, plan + 1000, 9))?;
    let response = reload(gate).await?;
    let named = format!("does not accept \"plan:{}\"", plan + 1000);
    ensure!(response["error"].as_str().is_some_and(|why| why.contains(&named)), "the answer is {response}");
    expect_refusal(gate, third, 409, 107).await?;

    edit_config(gate, |config| set_plan_devices(config, plan, 3))?;
    let response = reload(gate).await?;
    ensure!(
        response["taken"] == json!([format!("policy.paid.plan_devices.{plan}")]),
        "the answer is {response}"
    );
    expect_admission(gate, third).await.context("the plan is for three now")?;

    // A lower limit ends no tunnel; repeats are still answered, and no further device is admitted.
    edit_config(gate, |config| set_plan_devices(config, plan, 1))?;
    reload(gate).await?;
    let again = expect_admission(gate, first).await.context("a repeat with fewer devices")?;
    ensure!(again.bytes == answer.bytes, "the repeat is answered otherwise");
    let fourth = fixture.hub().plan_session(&account, plan, node).await?;
    let fourth = account.wireguard_handshake(fourth)?;
    let message = expect_refusal(gate, &fourth, 409, 107).await?;
    ensure!(message.contains("all 1 devices") && message.contains("end 3 of"), "the message is {message}");
    for (session, owner) in [(first.id, &holder.account), (second.id, &account), (third.id, &holder.account)]
    {
        let listed = session_record(gate, session).await?.context("not listed")?;
        ensure!(listed["state"] == "live", "listed as {listed}");
        fixture.hub().cancel_session(owner, session).await?;
    }
    let room = || async { expect_admission(gate, &fourth).await };
    eventually("there is room", Duration::from_secs(10), room).await.map(drop)
}

/// `drop_oldest` evicts only for a device that is admitted; a cancelled session frees its place at once and its
/// tunnel key later.
async fn evicts_no_device_for_a_refused_handshake(fixture: &Fixture) -> Result<()> {
    let gate = &fixture.start_gate("gate-newest", |config| set_one_device(config, "drop_oldest")).await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let (account, request) = (&holder.account, random_peer_request());
    let first = fixture.open_direct_session(account).await?;
    expect_admission(gate, &account.handshake(first, &request)?).await?;
    let second = fixture.open_direct_session(account).await?;
    expect_refusal(gate, &account.handshake(second, &request)?, 409, 108).await?;
    let now = session_state(gate, first).await?;
    ensure!(now.0 == "live", "{now:?} for a handshake that is refused");
    expect_admission(gate, &account.wireguard_handshake(second)?).await?;
    let now = session_state(gate, first).await?;
    ensure!(now == ("evicted".to_owned(), "device_limit".to_owned()), "it is {now:?}");

    let gate = &fixture.start_gate("gate-cancelled", |config| set_one_device(config, "refuse")).await?;
    let holder = fixture.create_paid_holder_at(gate).await?;
    let (account, request) = (&holder.account, random_peer_request());
    let (first, second) =
        (fixture.open_direct_session(account).await?, fixture.open_direct_session(account).await?);
    expect_admission(gate, &account.handshake(first, &request)?).await?;
    let next = account.wireguard_handshake(second)?;
    expect_refusal(gate, &next, 409, 107).await?;
    fixture.hub().cancel_session(account, first).await?;
    expect_admission(gate, &next).await.context("at once")?;
    let now = session_state(gate, first).await?;
    ensure!(now == ("evicted".to_owned(), "cancelled".to_owned()), "it is {now:?}");
    let third = fixture.funded_account().await?;
    let wallet = fixture.ethereum.holder(&[fixture.ethereum.other_card()]).await?;
    fixture.bind_account(gate, &wallet, &third.address).await?;
    let session = fixture.open_direct_session(&third).await?;
    expect_refusal(gate, &third.handshake(session, &request)?, 409, 108).await.map(drop)
}
