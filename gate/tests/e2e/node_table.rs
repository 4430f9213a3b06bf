//! The node's own refusals pass the gate byte for byte.
//!
//! Two of them cannot: the gate itself refuses bodies of 400/2 by stricter rules (101, 102, see `malformed`), and
//! 500/8 needs a node that cannot encode its own answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::Stack;
use sentinel_stack::actors::{Account, Answer, Caller, Handshake};
use sentinel_stack::info::{GateInfo, NodeInfo};
use serde::Serialize;

use crate::fixture::second_node::restart_second_node;
use crate::fixture::{
    Fixture, client_refusal, ensure_refusal, eventually, expect_admission, random_peer_request,
    send_handshake,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        forwards_refusal_of_unknown_session,
        forwards_refusal_of_ended_session,
        forwards_refusal_of_session_of_another_node,
        forwards_refusal_of_session_of_another_account,
        forwards_refusal_of_used_session,
        forwards_refusal_of_used_peer_request,
        forwards_refusal_of_used_tunnel_key,
        forwards_refusals_of_full_node_and_broken_tunnel,
        replaces_the_empty_rate_limit_answer,
        forwards_info_and_other_paths_unchanged,
        answers_a_repeat_with_the_first_answer,
        reconnects_stock_client_with_the_same_handshake,
    ]
}

/// Peer limit of the nodes of this network.
const DEFAULT_PEER_LIMIT: i64 = 250;
const LINK_IS_UP: [&str; 5] = ["ip", "link", "show", "up", "dev"];

/// Sends a handshake to the node itself, from a fresh address because of the node's rate limit.
async fn send_to_node(node: &NodeInfo, handshake: &(impl Serialize + Sync)) -> Result<Answer> {
    let caller = Caller::anywhere()?;
    let request = caller
        .http()
        .post(&node.plain_url)
        .header("x-forwarded-for", Caller::fresh_address().to_string())
        .json(handshake);
    caller.send(request).await.context("at the node")
}

/// Requires the same refusal from the node and through the gate.
async fn expect_same_refusal(
    gate: &GateInfo,
    node: &NodeInfo,
    handshake: &(impl Serialize + Sync),
    (status, code): (u16, u64),
) -> Result<Answer> {
    let direct = send_to_node(node, handshake).await?;
    ensure_refusal(&direct, status, code).context("at the node")?;
    let through = send_handshake(gate, handshake).await?;
    ensure_same_answer(&direct, &through)?;
    Ok(through)
}

fn ensure_same_answer(direct: &Answer, through: &Answer) -> Result<()> {
    ensure!(
        direct.status == through.status,
        "{} at the node, {} through the gate",
        direct.status,
        through.status
    );
    ensure!(
        direct.bytes == through.bytes,
        "at the node:\n{}\nthrough the gate:\n{}",
        String::from_utf8_lossy(&direct.bytes),
        String::from_utf8_lossy(&through.bytes)
    );
    let fields = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for name in ["date", "connection", "transfer-encoding", "content-length"] {
            headers.remove(name);
        }
        headers
    };
    ensure!(fields(direct) == fields(through), "{:?} became {:?}", direct.headers, through.headers);
    Ok(())
}

/// Requires that the stock client prints the node's message.
async fn expect_client_shows(
    fixture: &Fixture,
    session: u64,
    account: &Account,
    answer: &Answer,
) -> Result<()> {
    let refusal = client_refusal(fixture, fixture.gate(), session, account).await?;
    ensure!(refusal.code() == answer.code(), "the stock client shows {refusal}");
    ensure!(
        refusal.message() == answer.message(),
        "the stock client shows {refusal}, not {}",
        answer.message()
    );
    Ok(())
}

async fn forwards_refusal_of_unknown_session(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let handshake = holder.account.wireguard_handshake(4_000_000_003)?;
    let answer = expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (404, 5)).await?;
    expect_client_shows(fixture, 4_000_000_003, &holder.account, &answer).await
}

async fn forwards_refusal_of_ended_session(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    fixture.hub().cancel_session(&holder.account, session).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (400, 5)).await?;
    expect_client_shows(fixture, session, &holder.account, &answer).await
}

async fn forwards_refusal_of_session_of_another_node(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.hub().direct_session(&holder.account, &fixture.other_node().address).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (400, 6)).await?;
    expect_client_shows(fixture, session, &holder.account, &answer).await
}

async fn forwards_refusal_of_session_of_another_account(fixture: &Fixture) -> Result<()> {
    let (holder, other) = tokio::try_join!(fixture.create_paid_holder(), fixture.funded_account())?;
    let session = fixture.open_direct_session(&other).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (401, 6)).await?;
    expect_client_shows(fixture, session, &holder.account, &answer).await?;
    // The attempt used neither a place nor the session.
    fixture.bind_account(fixture.gate(), &holder.wallet, &other.address).await?;
    expect_admission(fixture.gate(), &other.wireguard_handshake(session)?).await.map(drop)
}

async fn forwards_refusal_of_used_session(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    expect_admission(fixture.gate(), &holder.account.wireguard_handshake(session)?).await?;
    let again = holder.account.wireguard_handshake(session)?;
    let answer = expect_same_refusal(fixture.gate(), fixture.node(), &again, (409, 3)).await?;
    expect_client_shows(fixture, session, &holder.account, &answer).await
}

/// The first peer request bypasses the gate: otherwise the gate would refuse the second one itself (108).
async fn forwards_refusal_of_used_peer_request(fixture: &Fixture) -> Result<()> {
    let (holder, other) = tokio::try_join!(fixture.create_paid_holder(), fixture.funded_account())?;
    let (before, session) =
        (fixture.open_direct_session(&other).await?, fixture.open_direct_session(&holder.account).await?);
    let request = random_peer_request();
    send_to_node(fixture.node(), &other.handshake(before, &request)?).await?.result()?;
    let handshake = holder.account.handshake(session, &request)?;
    expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (409, 4)).await.map(drop)
}

/// The same request with a trailing space: the node's database accepts it, its tunnel does not.
async fn forwards_refusal_of_used_tunnel_key(fixture: &Fixture) -> Result<()> {
    let (holder, other) = tokio::try_join!(fixture.create_paid_holder(), fixture.funded_account())?;
    let (before, session) =
        (fixture.open_direct_session(&other).await?, fixture.open_direct_session(&holder.account).await?);
    let request = random_peer_request();
    send_to_node(fixture.node(), &other.handshake(before, &request)?).await?.result()?;
    let handshake = holder.account.handshake(session, &format!("{request} "))?;
    expect_same_refusal(fixture.gate(), fixture.node(), &handshake, (500, 9)).await.map(drop)
}

/// 409/1 and 500/7 at the second node: its peer limit is lowered, then its tunnel is removed.
async fn forwards_refusals_of_full_node_and_broken_tunnel(fixture: &Fixture) -> Result<()> {
    let (gate, node) = (&fixture.stack.info().gates[1], fixture.other_node());
    let holder = fixture.create_holder(gate, &[fixture.ethereum.other_card()]).await?;
    let mut handshakes = Vec::new();
    for _ in 0..3 {
        let session = fixture.hub().direct_session(&holder.account, &node.address).await?;
        handshakes.push(holder.account.wireguard_handshake(session)?);
    }
    // The node answers before its tunnel is up. The gate records none of its refusals, so the same handshake is
    // accepted later.
    let admitted = |handshake| {
        eventually("the tunnel is up", Duration::from_secs(10), move || expect_admission(gate, handshake))
    };
    let stack = Arc::clone(&fixture.stack);
    fixture.cleanup.defer("the other node as it was", async move { restore_node(&stack).await }).await;
    set_peer_limit(&fixture.stack, 1).await?;
    admitted(&handshakes[0]).await?;
    expect_same_refusal(gate, node, &handshakes[1], (409, 1)).await?;
    set_peer_limit(&fixture.stack, DEFAULT_PEER_LIMIT).await?;
    admitted(&handshakes[1]).await?;
    run_on_interface(&fixture.stack, &["ip", "link", "delete"]).await?;
    expect_same_refusal(gate, node, &handshakes[2], (500, 7)).await?;
    if is_stock() {
        return Ok(());
    }
    restart_second_node(&fixture.stack).await?;
    admitted(&handshakes[2]).await.map(drop)
}

/// Whether the network runs the stock node, which leaves its broken interface behind when it stops.
fn is_stock() -> bool {
    std::env::var_os("SENTINEL_DVPNX_BIN").is_some()
}

async fn set_peer_limit(stack: &Stack, limit: i64) -> Result<()> {
    let mut config = read_second_node_config(stack)?;
    crate::fixture::set_key(&mut config, "qos", "max_peers", limit);
    std::fs::write(second_node_config_path(stack), config.to_string())?;
    restart_second_node(stack).await?;
    let up = || async { fetch_info_from_node(&stack.info().nodes[1]).await?.result().cloned() };
    eventually("the node answers", Duration::from_secs(10), up).await.map(drop)
}

/// Restores the second node after an interrupted scenario.
async fn restore_node(stack: &Stack) -> Result<()> {
    let limit = read_second_node_config(stack)?["qos"]["max_peers"].as_integer();
    if limit != Some(DEFAULT_PEER_LIMIT) {
        return set_peer_limit(stack, DEFAULT_PEER_LIMIT).await;
    }
    if is_stock() || run_on_interface(stack, &LINK_IS_UP).await.is_ok() {
        Ok(())
    } else {
        restart_second_node(stack).await
    }
}

fn second_node_config_path(stack: &Stack) -> String {
    format!("{}/config.toml", stack.info().nodes[1].home)
}

fn read_second_node_config(stack: &Stack) -> Result<toml::Table> {
    Ok(std::fs::read_to_string(second_node_config_path(stack))?.parse()?)
}

/// Runs a command on the second node's tunnel interface.
async fn run_on_interface(stack: &Stack, command: &[&str]) -> Result<()> {
    let (namespace, interface) = (&stack.nodes()[1].namespace, &stack.info().nodes[1].interface);
    let command = namespace.enter(command.iter().copied().chain([interface.as_str()]));
    let output = tokio::process::Command::new(&command[0]).args(&command[1..]).output().await?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn fetch_info_from_node(node: &NodeInfo) -> Result<Answer> {
    let caller = Caller::anywhere()?;
    caller
        .send(
            caller.http().get(&node.plain_url).header("x-forwarded-for", Caller::fresh_address().to_string()),
        )
        .await
}

/// The node answers with an empty 429, which a stock client would print as "unexpected EOF": the only answer that the
/// gate replaces.
async fn replaces_the_empty_rate_limit_answer(fixture: &Fixture) -> Result<()> {
    let (caller, address) = (Caller::anywhere()?, Caller::fresh_address().to_string());
    let at_node =
        || caller.send(caller.http().get(&fixture.node().plain_url).header("x-forwarded-for", &address));
    let direct = futures::future::try_join_all((0..9).map(|_| at_node())).await?;
    let refused_there = direct.iter().find(|answer| answer.status == 429).context("nine are not refused")?;
    ensure!(refused_there.bytes.is_empty(), "the node's answer has a body");
    let (caller, url) = (Caller::fresh()?, format!("{}/", fixture.gate().url));
    let through = futures::future::try_join_all((0..9).map(|_| caller.get(&url))).await?;
    let limited = through.iter().find(|answer| answer.status != 200).context("nine are not refused")?;
    ensure_refusal(limited, 429, 113)?;
    ensure!(limited.headers.contains_key("retry-after"), "no Retry-After: {:?}", limited.headers);
    Ok(())
}

async fn forwards_info_and_other_paths_unchanged(fixture: &Fixture) -> Result<()> {
    let compare = || async {
        let (before, through, after) = (
            fetch_info_from_node(fixture.node()).await?,
            Caller::fresh()?.get(&format!("{}/", fixture.gate().url)).await?,
            fetch_info_from_node(fixture.node()).await?,
        );
        // The info contains the number of peers, which other scenarios change.
        ensure!(before.bytes == after.bytes, "it changes");
        ensure_same_answer(&before, &through)?;
        through.result().cloned()
    };
    let info = eventually("the same info", Duration::from_secs(10), compare).await?;
    ensure!(info["addr"] == fixture.node().address, "info is {info}");
    for (method, path, origin) in
        [("GET", "/", true), ("OPTIONS", "/", true), ("GET", "/none?x=%20", false), ("PUT", "/a%2Fb", false)]
    {
        let send = |caller: Caller, url: String, forwarded: bool| async move {
            let mut request = caller.http().request(method.parse()?, format!("{url}{path}"));
            if origin {
                request = request.header("origin", "https://page.example");
                request = request.header("access-control-request-method", "POST");
            }
            if forwarded {
                request = request.header("x-forwarded-for", Caller::fresh_address().to_string());
            }
            caller.send(request).await
        };
        let direct = send(Caller::anywhere()?, fixture.node().plain_url.clone(), true);
        let through = send(Caller::fresh()?, fixture.gate().url.clone(), false);
        let (mut direct, mut through) = tokio::try_join!(direct, through)?;
        if (method, path) == ("GET", "/") {
            ensure!(through.headers["access-control-allow-origin"] == "*", "not readable for every origin");
            (direct.bytes, through.bytes) = (Vec::new(), Vec::new());
        }
        ensure_same_answer(&direct, &through).with_context(|| format!("{method} {path}"))?;
    }
    Ok(())
}

/// The stock node cannot repeat its answer: for it the session is used up.
async fn answers_a_repeat_with_the_first_answer(fixture: &Fixture) -> Result<()> {
    let (gate, holder) = (fixture.gate(), fixture.create_paid_holder().await?);
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let first = expect_admission(gate, &handshake).await?;
    for _ in 0..2 {
        let repeat = expect_admission(gate, &handshake).await?;
        ensure!(repeat.status == 200 && repeat.bytes == first.bytes, "another answer");
        ensure!(repeat.headers["content-type"] == first.headers["content-type"], "another type");
    }
    ensure_refusal(&send_to_node(fixture.node(), &handshake).await?, 409, 3).context("at the node")?;
    // The answer is neither for another account nor for another handshake.
    let other = fixture.create_paid_holder().await?;
    let stolen = Handshake {
        id: session,
        ..other
            .account
            .handshake(session, r#"{"public_key":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="}"#)?
    };
    let answer = send_handshake(gate, &stolen).await?;
    ensure!(!(200..300).contains(&answer.status), "another account gets the answer");
    ensure_refusal(&send_handshake(gate, &holder.account.wireguard_handshake(session)?).await?, 409, 3)
}

async fn reconnects_stock_client_with_the_same_handshake(fixture: &Fixture) -> Result<()> {
    let (gate, holder) = (fixture.gate(), fixture.create_paid_holder().await?);
    let session = fixture.open_direct_session(&holder.account).await?;
    let client = fixture.stack.client().await?;
    let file = format!("{}/{session}.key", fixture.stack.info().directory);
    let flags = ["--tunnel-key-file", file.as_str()];
    for _ in 0..2 {
        let tunnel =
            client.connect_with(&gate.url, session, &holder.account.key, &gate.node, &flags).await??;
        client.ping(&tunnel, Duration::from_secs(5)).await?;
        client.disconnect(&tunnel).await?;
    }
    Ok(())
}
