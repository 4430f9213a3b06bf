//! Standing of the gate's own node: where the policy requires it, plan sessions are admitted only while the node is
//! in good standing.

use std::process::Stdio;
use std::time::Duration;

use alloy::primitives::{B256, U256, keccak256};
use anyhow::{Context as _, Result, ensure};
use sentinel_proto::address::{AccountAddress, NodeAddress, ProviderAddress};
use sentinel_stack::actors::{Caller, Handshake};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};
use sovereign_contracts::dev::{DevKey, ether};
use sovereign_contracts::system::NodeRegistry;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::fixture::{
    Fixture, Holder, edit_config, eventually, expect_admission, expect_refusal, set_key, unready_parts,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::FaultyProvider;

const FOLLOW_LIMIT: Duration = Duration::from_secs(20);
/// A denomination that every provider accepts; the plan of the second scenario is free of charge.
const DENOM: &str = "udvpn";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios![follows_the_registry_on_ethereum];
    // Exclusive: the provider account has one sequence number for its transactions.
    scenarios.extend(scenarios![exclusive: follows_the_links_on_the_hub]);
    scenarios
}

/// Waits until `/ready` gives this reason and a plan session is refused.
async fn expect_bad_standing(gate: &GateInfo, handshake: &Handshake, words: &str) -> Result<()> {
    let refused = || async {
        // Checked first: before the gate has learned of the change, the handshake would be admitted for good.
        let missing = unready_parts(gate).await?;
        let reported = missing.iter().any(|(what, why)| what == "standing" && why.contains(words));
        ensure!(reported, "/ready does not give the reason {words:?}: {missing:?}");
        expect_refusal(gate, handshake, 503, 115).await.map(drop)
    };
    eventually(words, FOLLOW_LIMIT, refused).await
}

/// Waits until a plan session is admitted and the gate is ready.
async fn expect_good_standing(fixture: &Fixture, gate: &GateInfo, handshake: &Handshake) -> Result<()> {
    let enters = || async { expect_admission(gate, handshake).await.map(drop) };
    eventually("good standing", FOLLOW_LIMIT, enters).await?;
    fixture.wait_until_ready(gate).await
}

async fn plan_handshake(fixture: &Fixture, holder: &Holder, plan: u64) -> Result<Handshake> {
    let session = fixture.hub().plan_session(&holder.account, plan, &fixture.node().address).await?;
    holder.account.wireguard_handshake(session)
}

/// The node's private key, exported as its operator would.
async fn export_node_key(fixture: &Fixture) -> Result<DevKey> {
    let args = ["keys", "export", "node", "--unarmored-hex", "--unsafe", "--keyring-backend", "test"];
    let mut export = Command::new(&fixture.stack.info().hub.binary)
        .args(args)
        .args(["--home", &fixture.node().home])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    export.stdin.take().context("no input")?.write_all(b"y\n").await?;
    let output = export.wait_with_output().await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let found = out.split_whitespace().chain(err.split_whitespace()).find(|word| word.len() == 64);
    let secret: B256 = found.context("the node's key is not exported")?.parse()?;
    DevKey::from_secret(secret).context("the node's key is none")
}

/// Standing follows registration, score, slashing and top-up; without Ethereum the last answer counts until
/// `max_age`.
async fn follows_the_registry_on_ethereum(fixture: &Fixture) -> Result<()> {
    let governed = fixture.deploy_system().await?;
    let nodes = governed.system.nodes;
    let ethereum = FaultyProvider::in_front_of(&fixture.stack.info().ethereum.rpc).await?;
    let gate = fixture
        .start_gate("gate-standing", |config| {
            set_key(config, "registry", "rpc_addrs", vec![ethereum.url()]);
            set_key(config, "registry", "chain_id", 31337);
            set_key(config, "registry", "contract", nodes.to_string());
            set_key(config, "registry", "finality", "latest");
            set_key(config, "registry", "interval", "1s");
            set_key(config, "registry", "max_age", "6s");
        })
        .await?;
    // Enabled while the gate runs: plan sessions are refused at once.
    edit_config(&gate, |config| set_key(config, "policy", "require_standing", true))?;
    let reloaded = Caller::fresh()?.post(&format!("{}/reload", gate.admin), &json!({})).await?;
    ensure!(reloaded.status == 200, "/reload answers {}", reloaded.status);
    let plan = fixture.stack.info().plans.paid;
    let first = fixture.create_paid_holder_at(&gate).await?;
    let handshake = plan_handshake(fixture, &first, plan).await?;
    expect_bad_standing(&gate, &handshake, "not registered on Ethereum").await?;
    let direct = fixture.create_paid_holder_at(&gate).await?;
    let session = fixture.open_direct_session(&direct.account).await?;
    expect_admission(&gate, &direct.account.wireguard_handshake(session)?)
        .await
        .context("a direct session")?;

    let (chain, key, operator) =
        (fixture.ethereum.chain(), export_node_key(fixture).await?, DevKey::from_name("standing operator"));
    ensure!(NodeAddress::new(key.node().0).to_string() == fixture.node().address, "not the node's key");
    governed.register(&key, &operator, ether("1")).await?;
    expect_bad_standing(&gate, &handshake, "score 0 below 100").await?;
    governed.score(key.node(), 500).await?;
    expect_good_standing(fixture, &gate, &handshake).await?;

    let slasher = governed.system.slashing;
    let (bps, offence) = (U256::from(6000), keccak256("offence"));
    chain.call(slasher, nodes, &NodeRegistry::slashCall { node: key.node(), bps, offence }).await?;
    let second = fixture.create_paid_holder_at(&gate).await?;
    let other = plan_handshake(fixture, &second, plan).await?;
    expect_bad_standing(&gate, &other, "its stake is below the least").await?;
    expect_admission(&gate, &handshake).await.context("the repeat of a live session")?;
    let top_up = NodeRegistry::topUpCall { node: key.node() };
    chain.pay(operator.address(), nodes, &top_up, ether("1")).await?;
    expect_good_standing(fixture, &gate, &other).await?;

    let third = fixture.create_paid_holder_at(&gate).await?;
    let last = plan_handshake(fixture, &third, plan).await?;
    drop(ethereum);
    let unknown = || async {
        // Checked first: until `max_age` the last answer admits the session.
        let missing = unready_parts(&gate).await?;
        ensure!(missing.iter().any(|(_, why)| why.contains("not known: read")), "{missing:?}");
        expect_refusal(&gate, &last, 503, 111).await.map(drop)
    };
    eventually("nothing is known any more", FOLLOW_LIMIT, unknown).await
}

/// A plan of this scenario: while the node is not linked to it, its sessions are refused.
async fn follows_the_links_on_the_hub(fixture: &Fixture) -> Result<()> {
    let keys = &fixture.stack.info().hub.keys;
    let provider: AccountAddress = keys.get("provider").context("no provider")?.parse()?;
    let provider: ProviderAddress = provider.in_role();
    let from = provider.to_string();
    let send = async |messages: &[Value]| fixture.hub().cli().transact_messages("provider", messages).await;
    let price = json!({ "denom": DENOM, "base_value": "0.000000000000000000", "quote_value": "0" });
    let made = send(&[json!({ "@type": "/sentinel.plan.v3.MsgCreatePlanRequest", "from": from,
        "bytes": "1000000000000", "duration": "2592000s", "prices": [price], "private": false })])
    .await?;
    let plan = made.number("sentinel.plan.v3.EventCreate", "plan_id")?;
    let of_node = |kind: &str| {
        json!({ "@type": format!("/sentinel.plan.v3.{kind}"), "from": from, "id": plan.to_string(),
            "node_address": fixture.node().address })
    };
    let activate = json!({ "@type": "/sentinel.plan.v3.MsgUpdatePlanStatusRequest", "from": from,
        "id": plan.to_string(), "status": 1 });
    send(&[activate, of_node("MsgLinkNodeRequest")]).await?;

    let gate = fixture
        .start_gate("gate-linked", |config| {
            set_key(config, "registry", "source", "hub");
            set_key(config, "registry", "interval", "1s");
            set_key(config, "policy", "require_standing", true);
            let paid = config["policy"]["paid"].as_table_mut().expect("a table");
            paid.insert("sessions".to_owned(), vec![format!("plan:{plan}")].into());
            let free = config["policy"]["free"].as_table_mut().expect("a table");
            free.insert("sessions".to_owned(), vec!["direct".to_owned()].into());
        })
        .await?;
    let (first, second) =
        (fixture.create_paid_holder_at(&gate).await?, fixture.create_paid_holder_at(&gate).await?);
    let handshake = plan_handshake(fixture, &first, plan).await?;
    let waiting = plan_handshake(fixture, &second, plan).await?;
    expect_good_standing(fixture, &gate, &handshake).await?;
    send(&[of_node("MsgUnlinkNodeRequest")]).await?;
    expect_bad_standing(&gate, &waiting, &format!("not linked to plan {plan}")).await?;
    send(&[of_node("MsgLinkNodeRequest")]).await?;
    let again = plan_handshake(fixture, &second, plan).await?;
    expect_good_standing(fixture, &gate, &again).await
}
