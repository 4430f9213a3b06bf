//! Blocks that a reorganisation removes during an admission: between two calls of the decision, or while the node is
//! asked. A right that exists only in removed blocks admits no session, or the session is evicted at once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;
use serde_json::{Value, json};
use sovereign_contracts::dev::DevChain;

use crate::fixture::node_peers::allowed_addresses;
use crate::fixture::private_chain::{FAR_FUTURE, PrivateChain};
use crate::fixture::response_time::eventually_evicted;
use crate::fixture::{
    CONVERGENCE_LIMIT, Fixture, eventually, expect_refusal, random_peer_request, send_handshake,
    session_record, session_state, set_key,
};
use crate::scenario::{Scenario, scenarios};
use crate::storage::set_stub_node;
use crate::stubs::faulty_provider::FaultyProvider;
use crate::stubs::stub_node::StubNode;
use crate::stubs::tcp_relay::TcpRelay;

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        rejects_right_in_blocks_removed_between_calls,
        evicts_when_the_purchase_is_removed_while_the_node_answers
    ]
}

/// Reverts the chain to a snapshot and mines a longer branch of other blocks.
async fn reorg_to(chain: &DevChain, snapshot: Value) -> Result<()> {
    ensure!(chain.rpc("evm_revert", json!([snapshot])).await? == true, "nothing to go back to");
    for _ in 0..3 {
        chain.mine_after(2).await?;
    }
    Ok(())
}

/// A vault receives its card and delegates to the account's own key, in blocks that are removed before the first or
/// the second call of the decision.
async fn rejects_right_in_blocks_removed_between_calls(fixture: &Fixture) -> Result<()> {
    let (private_chain, node) =
        (PrivateChain::start().await?, StubNode::with_info_of(&fixture.node().plain_url).await?);
    let provider = FaultyProvider::in_front_of(&private_chain.anvil.url()).await?;
    let gate = fixture
        .start_gate("gate-reorg", |config| {
            private_chain.configure(config, vec![provider.url()], private_chain.ws_url());
            set_stub_node(config, &node);
        })
        .await?;
    let asked = || node.requests_to("/").iter().filter(|seen| seen.method == "POST").count();
    for undone_before in [None, Some(1), Some(2)] {
        let (vault, account) = (Wallet::fresh().address(), fixture.funded_account().await?);
        let handshake = account.wireguard_handshake(fixture.open_direct_session(&account).await?)?;
        let snapshot = private_chain.chain.rpc("evm_snapshot", json!([])).await?;
        private_chain.mint_card(vault).await?;
        private_chain.delegate(vault, account.ethereum(), FAR_FUTURE).await?;
        let Some(call) = undone_before else {
            send_handshake(&gate, &handshake)
                .await?
                .result()
                .context("a right in a canonical block is rejected")?;
            continue;
        };
        let chain = private_chain.chain.clone();
        let reorg = async move { reorg_to(&chain, snapshot).await };
        provider.run_before_call(call, &[vault, account.ethereum()], reorg).await;
        let before = asked();
        let answer = send_handshake(&gate, &handshake).await?;
        ensure!(!provider.has_pending_action().await, "no reorganisation before call {call}");
        let refusal = answer.refusal();
        let refused = [(401, Some(103)), (403, Some(105)), (503, Some(111))];
        ensure!(refused.contains(&refusal), "reorganised before call {call}: answered with {refusal:?}");
        let nothing = || async { expect_refusal(&gate, &handshake, 401, 103).await };
        eventually("nothing is left of it", CONVERGENCE_LIMIT, nothing).await?;
        ensure!(asked() == before, "the node was asked");
        ensure!(session_record(&gate, handshake.id).await?.is_none(), "it is listed");
    }
    Ok(())
}

/// The node has accepted the peer, and its answer is held back, when the block with the purchase of the card is
/// removed.
async fn evicts_when_the_purchase_is_removed_while_the_node_answers(fixture: &Fixture) -> Result<()> {
    let (private_chain, relay) =
        (PrivateChain::start().await?, TcpRelay::in_front_of(&fixture.node().plain_url).await?);
    let url = format!("http://{}", relay.address());
    let gate = fixture
        .start_gate("gate-regret", |config| {
            private_chain.configure(config, vec![private_chain.anvil.url()], private_chain.ws_url());
            set_key(config, "gate", "node_url", url);
        })
        .await?;
    let (seller, holder, account) =
        (private_chain.create_holder().await?, Wallet::fresh(), fixture.funded_account().await?);
    private_chain.transfer(seller.address(), holder.address()).await?;
    fixture.bind_account(&gate, &holder, &account.address).await?;
    let request = random_peer_request();
    let handshake = account.handshake(fixture.open_direct_session(&account).await?, &request)?;
    relay.hold_post_answers();
    let reorg = async {
        tokio::time::timeout(CONVERGENCE_LIMIT, relay.wait_for_held_answer())
            .await
            .context("the node is not asked")?;
        private_chain.chain.rpc("anvil_reorg", json!([1, []])).await?;
        // The gate learns of the new branch before the answer arrives.
        tokio::time::sleep(Duration::from_millis(800)).await;
        relay.open();
        anyhow::Ok(())
    };
    let (answer, reorg) = tokio::join!(send_handshake(&gate, &handshake), reorg);
    reorg.and(answer.map(drop))?;
    let request: Value = serde_json::from_str(&request)?;
    let key = request["public_key"].as_str().context("a key")?;
    let is_out = || async {
        let addresses = allowed_addresses(&fixture.stack.nodes()[0], key).await?;
        ensure!(addresses.is_none(), "its packets pass: {addresses:?}");
        let now = session_state(&gate, handshake.id).await?;
        ensure!(now == ("evicted".into(), "no_card".into()), "it is {now:?}");
        Ok(())
    };
    eventually_evicted(&gate, "it goes", is_out).await
}
