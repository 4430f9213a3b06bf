//! Blocks that a reorganisation removes during an admission: between two calls of the decision, or while the node is
//! asked. A right that exists only in removed blocks admits no session, or the session is evicted at once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;

use crate::enforcement::{SOON, state};
use crate::enforcement_restarts::allowed;
use crate::enforcement_sources::Place;
use crate::providers::Provider;
use crate::relay::Relay;
use crate::storage::before_a_stub;
use crate::stub::StubNode;
use crate::trial::{Trial, trials};
use crate::world::{World, eventually, knock, peer_request, record, set, turned_away};

/// A delegation expiry in the far future.
const NEVER: u64 = 64_060_588_800;

pub(crate) fn trials() -> Vec<Trial> {
    trials![blocks_undone_between_two_calls, a_purchase_undone_while_the_node_is_asked]
}

/// Reverts the chain to a snapshot and mines a longer branch of other blocks.
async fn undo(chain: &DevChain, snapshot: Value) -> Result<()> {
    ensure!(chain.rpc("evm_revert", json!([snapshot])).await? == true, "nothing to go back to");
    for _ in 0..3 {
        chain.mine_after(2).await?;
    }
    Ok(())
}

/// A vault receives its card and delegates to the account's own key, in blocks that are removed before the first or
/// the second call of the decision.
async fn blocks_undone_between_two_calls(world: &World) -> Result<()> {
    let (place, node) = (Place::start().await?, StubNode::like(&world.node().plain_url).await?);
    let provider = Provider::before(&place.anvil.url()).await?;
    let gate = world
        .gate_with("gate-undone", |config| {
            place.told(config, vec![provider.url()], place.socket());
            before_a_stub(config, &node);
        })
        .await?;
    let asked = || node.seen("/").iter().filter(|seen| seen.method == "POST").count();
    for undone_before in [None, Some(1), Some(2)] {
        let (vault, account) = (Wallet::fresh().address(), world.account().await?);
        let handshake = account.wireguard_handshake(world.direct_session(&account).await?)?;
        let snapshot = place.chain.rpc("evm_snapshot", json!([])).await?;
        place.give(vault).await?;
        place.delegate(vault, account.ethereum(), NEVER).await?;
        let Some(call) = undone_before else {
            knock(&gate, &handshake).await?.result().context("what is not undone counts")?;
            continue;
        };
        let chain = place.chain.clone();
        let undone = async move { undo(&chain, snapshot).await };
        provider.before_call(call, &[vault, account.ethereum()], undone).await;
        let before = asked();
        let answer = knock(&gate, &handshake).await?;
        ensure!(!provider.waits().await, "nothing was undone before call {call}");
        let told = answer.refusal();
        let refused = [(401, Some(103)), (403, Some(105)), (503, Some(111))];
        ensure!(refused.contains(&told), "undone before call {call}: answered with {told:?}");
        let nothing = || async { turned_away(&gate, &handshake, 401, 103).await };
        eventually("nothing is left of it", SOON, nothing).await?;
        ensure!(asked() == before, "the node was asked");
        ensure!(record(&gate, handshake.id).await?.is_none(), "it is listed");
    }
    Ok(())
}

/// The node has accepted the peer, and its answer is held back, when the block with the purchase of the card is
/// removed.
async fn a_purchase_undone_while_the_node_is_asked(world: &World) -> Result<()> {
    let (place, relay) = (Place::start().await?, Relay::before(&world.node().plain_url).await?);
    let url = format!("http://{}", relay.address());
    let gate = world
        .gate_with("gate-regret", |config| {
            place.told(config, vec![place.anvil.url()], place.socket());
            set(config, "gate", "node_url", url);
        })
        .await?;
    let (seller, holder, account) = (place.holder().await?, Wallet::fresh(), world.account().await?);
    place.transfer(seller.address(), holder.address()).await?;
    world.bind(&gate, &holder, &account.address).await?;
    let request = peer_request();
    let handshake = account.handshake(world.direct_session(&account).await?, &request)?;
    relay.hold_posts();
    let undone = async {
        tokio::time::timeout(SOON, relay.holds_one()).await.context("the node is not asked")?;
        place.chain.rpc("anvil_reorg", json!([1, []])).await?;
        // The gate learns of the new branch before the answer arrives.
        tokio::time::sleep(Duration::from_millis(800)).await;
        relay.open();
        anyhow::Ok(())
    };
    let (answer, undone) = tokio::join!(knock(&gate, &handshake), undone);
    undone.and(answer.map(drop))?;
    let request: Value = serde_json::from_str(&request)?;
    let key = request["public_key"].as_str().context("a key")?;
    let out = || async {
        let addresses = allowed(world, key).await?;
        ensure!(addresses.is_none(), "its packets pass: {addresses:?}");
        let now = state(&gate, handshake.id).await?;
        ensure!(now == ("evicted".into(), "no_card".into()), "it is {now:?}");
        Ok(())
    };
    eventually("it goes", SOON, out).await
}
