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

use crate::stub::StubProvider;
use crate::trial::{Trial, trials};
use crate::world::{Holder, World, enter, eventually, not_ready, rewrite, set, turned_away};

const SOON: Duration = Duration::from_secs(20);
/// A denomination that every provider accepts; the plan of the second scenario is free of charge.
const COIN: &str = "udvpn";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![the_registry_on_ethereum];
    // Exclusive: the provider account has one sequence number for its transactions.
    trials.extend(trials![alone: the_links_on_the_hub]);
    trials
}

/// Waits until `/ready` gives this reason and a plan session is refused.
async fn refused_as(gate: &GateInfo, handshake: &Handshake, words: &str) -> Result<()> {
    let refused = || async {
        // Checked first: before the gate has learned of the change, the handshake would be admitted for good.
        let missing = not_ready(gate).await?;
        let told = missing.iter().any(|(what, why)| what == "standing" && why.contains(words));
        ensure!(told, "/ready does not say {words:?}: {missing:?}");
        turned_away(gate, handshake, 503, 115).await.map(drop)
    };
    eventually(words, SOON, refused).await
}

/// Waits until a plan session is admitted and the gate is ready.
async fn taken(world: &World, gate: &GateInfo, handshake: &Handshake) -> Result<()> {
    let enters = || async { enter(gate, handshake).await.map(drop) };
    eventually("good standing", SOON, enters).await?;
    world.until_ready(gate).await
}

async fn plan_handshake(world: &World, holder: &Holder, plan: u64) -> Result<Handshake> {
    let session = world.hub().plan_session(&holder.account, plan, &world.node().address).await?;
    holder.account.wireguard_handshake(session)
}

/// The node's private key, exported as its operator would.
async fn node_key(world: &World) -> Result<DevKey> {
    let args = ["keys", "export", "node", "--unarmored-hex", "--unsafe", "--keyring-backend", "test"];
    let mut export = Command::new(&world.stack.info().hub.binary)
        .args(args)
        .args(["--home", &world.node().home])
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
async fn the_registry_on_ethereum(world: &World) -> Result<()> {
    let governed = world.system().await?;
    let nodes = governed.system.nodes;
    let ethereum = StubProvider::before(&world.stack.info().ethereum.rpc, None).await?;
    let gate = world
        .gate_with("gate-standing", |config| {
            set(config, "registry", "rpc_addrs", vec![ethereum.url()]);
            set(config, "registry", "chain_id", 31337);
            set(config, "registry", "contract", nodes.to_string());
            set(config, "registry", "finality", "latest");
            set(config, "registry", "interval", "1s");
            set(config, "registry", "max_age", "6s");
        })
        .await?;
    // Enabled while the gate runs: plan sessions are refused at once.
    rewrite(&gate, |config| set(config, "policy", "require_standing", true))?;
    let reloaded = Caller::fresh()?.post(&format!("{}/reload", gate.admin), &json!({})).await?;
    ensure!(reloaded.status == 200, "/reload answers {}", reloaded.status);
    let plan = world.stack.info().plans.paid;
    let first = world.paid_at(&gate).await?;
    let handshake = plan_handshake(world, &first, plan).await?;
    refused_as(&gate, &handshake, "not registered on Ethereum").await?;
    let direct = world.paid_at(&gate).await?;
    let session = world.direct_session(&direct.account).await?;
    enter(&gate, &direct.account.wireguard_handshake(session)?).await.context("a direct session")?;

    let (chain, key, operator) =
        (world.ethereum.chain(), node_key(world).await?, DevKey::from_name("standing operator"));
    ensure!(NodeAddress::new(key.node().0).to_string() == world.node().address, "not the node's key");
    governed.register(&key, &operator, ether("1")).await?;
    refused_as(&gate, &handshake, "score 0 below 100").await?;
    governed.score(key.node(), 500).await?;
    taken(world, &gate, &handshake).await?;

    let slasher = governed.system.slashing;
    let (bps, offence) = (U256::from(6000), keccak256("offence"));
    chain.call(slasher, nodes, &NodeRegistry::slashCall { node: key.node(), bps, offence }).await?;
    let second = world.paid_at(&gate).await?;
    let other = plan_handshake(world, &second, plan).await?;
    refused_as(&gate, &other, "its stake is below the least").await?;
    enter(&gate, &handshake).await.context("the repeat of one who is in")?;
    let top_up = NodeRegistry::topUpCall { node: key.node() };
    chain.pay(operator.address(), nodes, &top_up, ether("1")).await?;
    taken(world, &gate, &other).await?;

    let third = world.paid_at(&gate).await?;
    let last = plan_handshake(world, &third, plan).await?;
    drop(ethereum);
    let unknown = || async {
        // Checked first: until `max_age` the last answer admits the session.
        let missing = not_ready(&gate).await?;
        ensure!(missing.iter().any(|(_, why)| why.contains("not known: read")), "{missing:?}");
        turned_away(&gate, &last, 503, 111).await.map(drop)
    };
    eventually("nothing is known any more", SOON, unknown).await
}

/// A plan of this scenario: while the node is not linked to it, its sessions are refused.
async fn the_links_on_the_hub(world: &World) -> Result<()> {
    let keys = &world.stack.info().hub.keys;
    let provider: AccountAddress = keys.get("provider").context("no provider")?.parse()?;
    let provider: ProviderAddress = provider.in_role();
    let from = provider.to_string();
    let send = async |messages: &[Value]| world.hub().cli().transact_messages("provider", messages).await;
    let price = json!({ "denom": COIN, "base_value": "0.000000000000000000", "quote_value": "0" });
    let made = send(&[json!({ "@type": "/sentinel.plan.v3.MsgCreatePlanRequest", "from": from,
        "bytes": "1000000000000", "duration": "2592000s", "prices": [price], "private": false })])
    .await?;
    let plan = made.number("sentinel.plan.v3.EventCreate", "plan_id")?;
    let of_node = |kind: &str| {
        json!({ "@type": format!("/sentinel.plan.v3.{kind}"), "from": from, "id": plan.to_string(),
            "node_address": world.node().address })
    };
    let activate = json!({ "@type": "/sentinel.plan.v3.MsgUpdatePlanStatusRequest", "from": from,
        "id": plan.to_string(), "status": 1 });
    send(&[activate, of_node("MsgLinkNodeRequest")]).await?;

    let gate = world
        .gate_with("gate-linked", |config| {
            set(config, "registry", "source", "hub");
            set(config, "registry", "interval", "1s");
            set(config, "policy", "require_standing", true);
            let paid = config["policy"]["paid"].as_table_mut().expect("a table");
            paid.insert("sessions".to_owned(), vec![format!("plan:{plan}")].into());
            let free = config["policy"]["free"].as_table_mut().expect("a table");
            free.insert("sessions".to_owned(), vec!["direct".to_owned()].into());
        })
        .await?;
    let (first, second) = (world.paid_at(&gate).await?, world.paid_at(&gate).await?);
    let handshake = plan_handshake(world, &first, plan).await?;
    let waiting = plan_handshake(world, &second, plan).await?;
    taken(world, &gate, &handshake).await?;
    send(&[of_node("MsgUnlinkNodeRequest")]).await?;
    refused_as(&gate, &waiting, &format!("not linked to plan {plan}")).await?;
    send(&[of_node("MsgLinkNodeRequest")]).await?;
    let again = plan_handshake(world, &second, plan).await?;
    taken(world, &gate, &again).await
}
