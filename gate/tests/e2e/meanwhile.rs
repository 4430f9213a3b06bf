//! A right that ends while its holder is being let in: between two calls of the decision, or while the node is asked.
//! Whoever has it no longer is not let in, or goes at once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;

use crate::enforcement::{SOON, post, state};
use crate::enforcement_restarts::allowed;
use crate::enforcement_sources::Place;
use crate::providers::Provider;
use crate::relay::Relay;
use crate::storage::before_a_stub;
use crate::stub::StubNode;
use crate::trial::{Trial, trials};
use crate::world::{World, eventually, knock, peer_request, record, set, turned_away};

/// An end of a delegation that is far away.
const NEVER: u64 = 64_060_588_800;

pub(crate) fn trials() -> Vec<Trial> {
    trials![blocks_undone_between_two_calls, a_right_that_ends_while_the_node_is_asked]
}

/// Goes back to a snapshot. The other branch is longer, and its blocks are other ones.
async fn undo(chain: &DevChain, snapshot: Value) -> Result<()> {
    ensure!(chain.rpc("evm_revert", json!([snapshot])).await? == true, "nothing to go back to");
    for _ in 0..3 {
        chain.mine_after(2).await?;
    }
    Ok(())
}

/// A vault gets its card and delegates to the account's own key, in blocks that are gone before the first or the second
/// call of the decision.
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

/// What happens while the node is asked.
#[derive(Debug, Clone, Copy)]
enum Event {
    Sale,
    /// The block in which the card was bought is gone.
    PurchaseUndone,
    Unbinding,
    Lockdown,
}

impl Event {
    fn cause(self) -> &'static str {
        match self {
            Self::Sale | Self::PurchaseUndone => "no_card",
            Self::Unbinding => "unbound",
            Self::Lockdown => "lockdown",
        }
    }
}

/// The node has taken the peer, and its answer is on the way.
async fn a_right_that_ends_while_the_node_is_asked(world: &World) -> Result<()> {
    let (place, relay) = (Place::start().await?, Relay::before(&world.node().plain_url).await?);
    let url = format!("http://{}", relay.address());
    let gate = world
        .gate_with("gate-meanwhile", |config| {
            place.told(config, vec![place.anvil.url()], place.socket());
            set(config, "gate", "node_url", url);
        })
        .await?;
    let nobody = || Wallet::fresh().address();
    for event in [Event::Sale, Event::PurchaseUndone, Event::Unbinding, Event::Lockdown] {
        let (seller, holder, account) = (place.holder().await?, Wallet::fresh(), world.account().await?);
        place.transfer(seller.address(), holder.address()).await?;
        let binding = world.bind(&gate, &holder, &account.address).await?;
        let request = peer_request();
        let handshake = account.handshake(world.direct_session(&account).await?, &request)?;
        relay.hold_posts();
        let meanwhile = async {
            tokio::time::timeout(SOON, relay.holds_one()).await.context("the node is not asked")?;
            match event {
                Event::Sale => place.transfer(holder.address(), nobody()).await?,
                Event::PurchaseUndone => drop(place.chain.rpc("anvil_reorg", json!([1, []])).await?),
                Event::Unbinding => {
                    let token = binding["token"].as_str().context("a token")?;
                    SignIn::at(&gate.url)?.unbind(token).await?;
                }
                Event::Lockdown => drop(post(&gate, "/lockdown", json!({ "reason": "intruder" })).await?),
            }
            // The gate has heard of it before the answer is here.
            tokio::time::sleep(Duration::from_millis(800)).await;
            relay.open();
            Ok(())
        };
        let (answer, happened): (_, Result<()>) = tokio::join!(knock(&gate, &handshake), meanwhile);
        happened.and(answer.map(drop)).with_context(|| format!("{event:?}"))?;
        goes(world, &gate, &request, handshake.id, event).await.with_context(|| format!("{event:?}"))?;
    }
    Ok(())
}

async fn goes(world: &World, gate: &GateInfo, request: &str, session: u64, event: Event) -> Result<()> {
    let request: Value = serde_json::from_str(request)?;
    let key = request["public_key"].as_str().context("a key")?;
    let out = || async {
        let addresses = allowed(world, key).await?;
        ensure!(addresses.is_none(), "its packets pass: {addresses:?}");
        let now = state(gate, session).await?;
        ensure!(now == ("evicted".into(), event.cause().into()), "it is {now:?}");
        Ok(())
    };
    eventually("it goes", SOON, out).await
}
