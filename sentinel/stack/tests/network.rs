//! The network itself, without a gate: what the tests of the gate rely on.
//!
//! Needs root, and takes half a minute: `cargo test -p sentinel-stack --features network`.
#![cfg(feature = "network")]

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::{Stack, StackOptions};

#[tokio::test]
async fn everything_works_and_nothing_stays_behind() -> Result<()> {
    let stack = Stack::start(StackOptions::default().gates(0)).await?;
    the_document_says_where_everything_is(&stack)?;
    cards_change_hands(&stack).await?;
    sessions_are_sold(&stack).await?;
    programs_end_and_come_back(&stack).await?;
    let (bridge, directory) = (bridge_of(&stack)?, stack.info().directory.clone());
    ensure!(interfaces()?.contains(&bridge), "there is no {bridge}");
    stack.stop().await?;
    ensure!(!interfaces()?.contains(&bridge), "{bridge} is left behind");
    ensure!(!std::path::Path::new(&directory).exists(), "{directory} is left behind");
    Ok(())
}

fn the_document_says_where_everything_is(stack: &Stack) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("stack.json");
    stack.write_info(&path)?;
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    for pointer in [
        "/ethereum/rpc",
        "/ethereum/ws",
        "/ethereum/chain_id",
        "/ethereum/memes",
        "/ethereum/this_card",
        "/ethereum/other_card",
        "/ethereum/nft_delegation",
        "/ethereum/delegate_registry",
        "/ethereum/multicall",
        "/ethereum/deployer_key",
        "/ethereum/contracts/TestMemes",
        "/hub/rpc",
        "/hub/grpc",
        "/hub/lcd",
        "/hub/chain_id",
        "/hub/denom",
        "/hub/home",
        "/hub/binary",
        "/hub/keys/probe",
        "/hub/probe_key",
        "/nodes/0/address",
        "/nodes/0/home",
        "/nodes/0/plain_url",
        "/nodes/0/advertised",
        "/nodes/0/namespace",
        "/nodes/0/interface",
        "/plans/free",
        "/plans/paid",
        "/client/binary",
        "/client/namespace",
        "/client/connect/0",
    ] {
        ensure!(document.pointer(pointer).is_some_and(|value| !value.is_null()), "no {pointer}");
    }
    let connect = document["client"]["connect"].to_string();
    for field in ["{url}", "{session}", "{key}", "{node}"] {
        ensure!(connect.contains(field), "no {field} in {connect}");
    }
    Ok(())
}

async fn cards_change_hands(stack: &Stack) -> Result<()> {
    let ethereum = stack.ethereum()?;
    let card = ethereum.other_card();
    let (alice, bob) = (ethereum.holder(&[card]).await?, ethereum.holder(&[]).await?);
    ethereum.transfer(alice.address(), bob.address(), card).await?;
    let balance = async |wallet| ethereum.chain().balance(ethereum.memes(), wallet, card).await;
    ensure!(balance(alice.address()).await?.is_zero());
    ensure!(balance(bob.address()).await?.to::<u64>() == 1);
    ethereum.delegate_6529(bob.address(), alice.address()).await?;
    ethereum.consolidate(alice.address(), bob.address()).await?;
    ethereum.delegate_xyz(bob.address(), alice.address(), true).await
}

async fn sessions_are_sold(stack: &Stack) -> Result<()> {
    let (hub, node) = (stack.hub(), stack.info().nodes.first().context("no node")?);
    let account = hub.account("buyer").await?;
    let direct = hub.direct_session(&account, &node.address).await?;
    let free = hub.plan_session(&account, stack.info().plans.free, &node.address).await?;
    let paid = hub.plan_session(&account, stack.info().plans.paid, &node.address).await?;
    let many = hub.direct_sessions(&account, &node.address, 3).await?;
    ensure!(
        many.len() == 3 && direct < free && free < paid && paid < many[0],
        "{direct} {free} {paid} {many:?}"
    );
    let told = hub.session(paid).await?;
    ensure!(told.to_string().contains("/sentinel.subscription.v3.Session"), "{told}");

    // The node takes what the account signs; a client does not even get a connection.
    let handshake = account.wireguard_handshake(direct)?;
    let answer = Caller::anywhere()?.post(&node.plain_url, &handshake).await?;
    answer.result().context("the node refuses")?;
    let client = stack.client().await?;
    let url = node.plain_url.replace("http://", "https://");
    let refused = client.connect(&url, free, &account, &node.address).await?;
    let text = refused.err().context("a client got around the gate")?.text;
    ensure!(text.contains("connection refused"), "{text}");
    hub.cancel_session(&account, paid).await?;
    let told = hub.session(paid).await?;
    ensure!(told.to_string().contains("inactive_pending"), "{told}");
    Ok(())
}

async fn programs_end_and_come_back(stack: &Stack) -> Result<()> {
    let ethereum = stack.ethereum()?;
    let holder = ethereum.holder(&[ethereum.this_card()]).await?;
    stack.stop_program("anvil").await?;
    ensure!(ethereum.chain().now().await.is_err(), "a stopped chain answers");
    stack.start_program("anvil").await?;
    let cards = ethereum.chain().balance(ethereum.memes(), holder.address(), ethereum.this_card()).await?;
    ensure!(cards.to::<u64>() == 1, "the chain forgot a card");
    stack.kill_program("hub").await?;
    ensure!(stack.hub().cli().height().await.is_err(), "a killed hub answers");
    stack.start_program("hub").await?;
    stack.hub().wait_for_blocks(1).await?;
    stack.restart_program("node1", None).await?;
    let node = stack.info().nodes.first().context("no node")?;
    ensure!(Caller::anywhere()?.get(&node.plain_url).await?.status == 200);
    Ok(())
}

fn bridge_of(stack: &Stack) -> Result<String> {
    let namespace = &stack.info().client.namespace;
    Ok(format!("{}br", namespace.split('-').next().context("no number")?))
}

fn interfaces() -> Result<String> {
    let output = Command::new("ip").args(["-brief", "link"]).output()?;
    Ok(String::from_utf8(output.stdout)?)
}
