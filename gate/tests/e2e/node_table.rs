//! The node's own refusals pass the gate byte for byte.
//!
//! Two of them cannot: the gate itself refuses bodies of 400/2 by stricter rules (101, 102, see `malformed`), and
//! 500/8 needs a node that cannot encode its own answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::Stack;
use sentinel_stack::actors::{Account, Answer, Caller, Handshake};
use sentinel_stack::info::{GateInfo, NodeInfo};
use serde::Serialize;

use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, knock, peer_request, refused, shown};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        no_such_session,
        an_ended_session,
        a_session_of_another_node,
        a_session_of_another_account,
        a_session_that_the_node_knows,
        a_peer_request_that_the_node_knows,
        a_tunnel_key_that_the_node_knows,
        a_full_node_and_a_broken_tunnel,
        the_nodes_own_rate_limit,
        info_and_other_paths,
        a_repeat_gets_the_first_answer,
        a_stock_client_may_start_again,
    ]
}

/// Peer limit of the nodes of this network.
const MOST_PEERS: i64 = 250;
const IS_UP: [&str; 5] = ["ip", "link", "show", "up", "dev"];

/// Sends a handshake to the node itself, from a fresh address because of the node's rate limit.
async fn at_node(node: &NodeInfo, handshake: &(impl Serialize + Sync)) -> Result<Answer> {
    let caller = Caller::anywhere()?;
    let request =
        caller.http().post(&node.plain_url).header("x-forwarded-for", fresh_address()).json(handshake);
    caller.send(request).await.context("at the node")
}

fn fresh_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Ipv4Addr::from(0xc612_0000 + NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
}

/// Requires the same refusal from the node and through the gate.
async fn same(
    gate: &GateInfo,
    node: &NodeInfo,
    handshake: &(impl Serialize + Sync),
    (status, code): (u16, u64),
) -> Result<Answer> {
    let direct = at_node(node, handshake).await?;
    refused(&direct, status, code).context("at the node")?;
    let through = knock(gate, handshake).await?;
    same_answer(&direct, &through)?;
    Ok(through)
}

fn same_answer(direct: &Answer, through: &Answer) -> Result<()> {
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
async fn client_shows(world: &World, session: u64, account: &Account, answer: &Answer) -> Result<()> {
    let shown = shown(world, world.gate(), session, account).await?;
    ensure!(shown.code() == answer.code(), "the stock client shows {shown}");
    ensure!(shown.message() == answer.message(), "the stock client shows {shown}, not {}", answer.message());
    Ok(())
}

async fn no_such_session(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let handshake = holder.account.wireguard_handshake(4_000_000_003)?;
    let answer = same(world.gate(), world.node(), &handshake, (404, 5)).await?;
    client_shows(world, 4_000_000_003, &holder.account, &answer).await
}

async fn an_ended_session(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let session = world.direct_session(&holder.account).await?;
    world.hub().cancel_session(&holder.account, session).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = same(world.gate(), world.node(), &handshake, (400, 5)).await?;
    client_shows(world, session, &holder.account, &answer).await
}

async fn a_session_of_another_node(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let session = world.hub().direct_session(&holder.account, &world.other_node().address).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = same(world.gate(), world.node(), &handshake, (400, 6)).await?;
    client_shows(world, session, &holder.account, &answer).await
}

async fn a_session_of_another_account(world: &World) -> Result<()> {
    let (holder, other) = tokio::try_join!(world.paid(), world.account())?;
    let session = world.direct_session(&other).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let answer = same(world.gate(), world.node(), &handshake, (401, 6)).await?;
    client_shows(world, session, &holder.account, &answer).await?;
    // The attempt used neither a place nor the session.
    world.bind(world.gate(), &holder.wallet, &other.address).await?;
    enter(world.gate(), &other.wireguard_handshake(session)?).await.map(drop)
}

async fn a_session_that_the_node_knows(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let session = world.direct_session(&holder.account).await?;
    enter(world.gate(), &holder.account.wireguard_handshake(session)?).await?;
    let again = holder.account.wireguard_handshake(session)?;
    let answer = same(world.gate(), world.node(), &again, (409, 3)).await?;
    client_shows(world, session, &holder.account, &answer).await
}

/// The first peer request bypasses the gate: otherwise the gate would refuse the second one itself (108).
async fn a_peer_request_that_the_node_knows(world: &World) -> Result<()> {
    let (holder, other) = tokio::try_join!(world.paid(), world.account())?;
    let (before, session) =
        (world.direct_session(&other).await?, world.direct_session(&holder.account).await?);
    let request = peer_request();
    at_node(world.node(), &other.handshake(before, &request)?).await?.result()?;
    let handshake = holder.account.handshake(session, &request)?;
    same(world.gate(), world.node(), &handshake, (409, 4)).await.map(drop)
}

/// The same request with a trailing space: the node's database accepts it, its tunnel does not.
async fn a_tunnel_key_that_the_node_knows(world: &World) -> Result<()> {
    let (holder, other) = tokio::try_join!(world.paid(), world.account())?;
    let (before, session) =
        (world.direct_session(&other).await?, world.direct_session(&holder.account).await?);
    let request = peer_request();
    at_node(world.node(), &other.handshake(before, &request)?).await?.result()?;
    let handshake = holder.account.handshake(session, &format!("{request} "))?;
    same(world.gate(), world.node(), &handshake, (500, 9)).await.map(drop)
}

/// 409/1 and 500/7 at the second node: its peer limit is lowered, then its tunnel is removed.
async fn a_full_node_and_a_broken_tunnel(world: &World) -> Result<()> {
    let (gate, node) = (&world.stack.info().gates[1], world.other_node());
    let holder = world.holder(gate, &[world.ethereum.other_card()]).await?;
    let mut handshakes = Vec::new();
    for _ in 0..3 {
        let session = world.hub().direct_session(&holder.account, &node.address).await?;
        handshakes.push(holder.account.wireguard_handshake(session)?);
    }
    // The node answers before its tunnel is up. The gate records none of its refusals, so the same handshake is
    // accepted later.
    let taken =
        |handshake| eventually("the tunnel is up", Duration::from_secs(10), move || enter(gate, handshake));
    let stack = Arc::clone(&world.stack);
    world.leavings.afterwards("the other node as it was", async move { mend_node(&stack).await }).await;
    limit_peers(&world.stack, 1).await?;
    taken(&handshakes[0]).await?;
    same(gate, node, &handshakes[1], (409, 1)).await?;
    limit_peers(&world.stack, MOST_PEERS).await?;
    taken(&handshakes[1]).await?;
    on_interface(&world.stack, &["ip", "link", "delete"]).await?;
    same(gate, node, &handshakes[2], (500, 7)).await?;
    if is_stock() {
        return Ok(());
    }
    restart_node(&world.stack).await?;
    taken(&handshakes[2]).await.map(drop)
}

/// Whether the network runs the stock node, which leaves its broken interface behind when it stops.
fn is_stock() -> bool {
    std::env::var_os("SENTINEL_DVPNX_BIN").is_some()
}

async fn limit_peers(stack: &Stack, limit: i64) -> Result<()> {
    let mut config = other_config(stack)?;
    crate::world::set(&mut config, "qos", "max_peers", limit);
    std::fs::write(other_config_path(stack), config.to_string())?;
    restart_node(stack).await?;
    let up = || async { at_node_info(&stack.info().nodes[1]).await?.result().cloned() };
    eventually("the node answers", Duration::from_secs(10), up).await.map(drop)
}

/// Restores the second node after an interrupted scenario.
async fn mend_node(stack: &Stack) -> Result<()> {
    let limit = other_config(stack)?["qos"]["max_peers"].as_integer();
    if limit != Some(MOST_PEERS) {
        return limit_peers(stack, MOST_PEERS).await;
    }
    if is_stock() || on_interface(stack, &IS_UP).await.is_ok() { Ok(()) } else { restart_node(stack).await }
}

fn other_config_path(stack: &Stack) -> String {
    format!("{}/config.toml", stack.info().nodes[1].home)
}

fn other_config(stack: &Stack) -> Result<toml::Table> {
    Ok(std::fs::read_to_string(other_config_path(stack))?.parse()?)
}

/// Runs a command on the second node's tunnel interface.
async fn on_interface(stack: &Stack, command: &[&str]) -> Result<()> {
    let (namespace, interface) = (&stack.nodes()[1].namespace, &stack.info().nodes[1].interface);
    let command = namespace.enter(command.iter().copied().chain([interface.as_str()]));
    let output = tokio::process::Command::new(&command[0]).args(&command[1..]).output().await?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn at_node_info(node: &NodeInfo) -> Result<Answer> {
    let caller = Caller::anywhere()?;
    caller.send(caller.http().get(&node.plain_url).header("x-forwarded-for", fresh_address())).await
}

/// The node answers with an empty 429, which a stock client would print as "unexpected EOF": the only answer that the
/// gate replaces.
async fn the_nodes_own_rate_limit(world: &World) -> Result<()> {
    let (caller, address) = (Caller::anywhere()?, fresh_address());
    let at_node =
        || caller.send(caller.http().get(&world.node().plain_url).header("x-forwarded-for", &address));
    let direct = futures::future::try_join_all((0..9).map(|_| at_node())).await?;
    let refused_there = direct.iter().find(|answer| answer.status == 429).context("nine are not refused")?;
    ensure!(refused_there.bytes.is_empty(), "the node says something");
    let (caller, url) = (Caller::fresh()?, format!("{}/", world.gate().url));
    let through = futures::future::try_join_all((0..9).map(|_| caller.get(&url))).await?;
    let limited = through.iter().find(|answer| answer.status != 200).context("nine are not refused")?;
    refused(limited, 429, 113)?;
    ensure!(limited.headers.contains_key("retry-after"), "no Retry-After: {:?}", limited.headers);
    Ok(())
}

async fn info_and_other_paths(world: &World) -> Result<()> {
    let compare = || async {
        let (before, through, after) = (
            at_node_info(world.node()).await?,
            Caller::fresh()?.get(&format!("{}/", world.gate().url)).await?,
            at_node_info(world.node()).await?,
        );
        // The info contains the number of peers, which other scenarios change.
        ensure!(before.bytes == after.bytes, "it changes");
        same_answer(&before, &through)?;
        through.result().cloned()
    };
    let info = eventually("the same info", Duration::from_secs(10), compare).await?;
    ensure!(info["addr"] == world.node().address, "info is {info}");
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
                request = request.header("x-forwarded-for", fresh_address());
            }
            caller.send(request).await
        };
        let direct = send(Caller::anywhere()?, world.node().plain_url.clone(), true);
        let through = send(Caller::fresh()?, world.gate().url.clone(), false);
        let (mut direct, mut through) = tokio::try_join!(direct, through)?;
        if (method, path) == ("GET", "/") {
            ensure!(through.headers["access-control-allow-origin"] == "*", "not readable for every origin");
            (direct.bytes, through.bytes) = (Vec::new(), Vec::new());
        }
        same_answer(&direct, &through).with_context(|| format!("{method} {path}"))?;
    }
    Ok(())
}

/// The stock node cannot repeat its answer: for it the session is used up.
async fn a_repeat_gets_the_first_answer(world: &World) -> Result<()> {
    let (gate, holder) = (world.gate(), world.paid().await?);
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let first = enter(gate, &handshake).await?;
    for _ in 0..2 {
        let repeat = enter(gate, &handshake).await?;
        ensure!(repeat.status == 200 && repeat.bytes == first.bytes, "another answer");
        ensure!(repeat.headers["content-type"] == first.headers["content-type"], "another type");
    }
    refused(&at_node(world.node(), &handshake).await?, 409, 3).context("at the node")?;
    // The answer is neither for another account nor for another handshake.
    let other = world.paid().await?;
    let stolen = Handshake {
        id: session,
        ..other
            .account
            .handshake(session, r#"{"public_key":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="}"#)?
    };
    let answer = knock(gate, &stolen).await?;
    ensure!(!(200..300).contains(&answer.status), "somebody else gets it");
    refused(&knock(gate, &holder.account.wireguard_handshake(session)?).await?, 409, 3)
}

async fn a_stock_client_may_start_again(world: &World) -> Result<()> {
    let (gate, holder) = (world.gate(), world.paid().await?);
    let session = world.direct_session(&holder.account).await?;
    let client = world.stack.client().await?;
    let file = format!("{}/{session}.key", world.stack.info().directory);
    let flags = ["--tunnel-key-file", file.as_str()];
    for _ in 0..2 {
        let tunnel =
            client.connect_with(&gate.url, session, &holder.account.key, &gate.node, &flags).await??;
        client.ping(&tunnel, Duration::from_secs(5)).await?;
        client.disconnect(&tunnel).await?;
    }
    Ok(())
}

/// Restarts the second node and waits for its tunnel. The hub needs two blocks to process what the node has sent, or
/// the node's next transaction has a stale sequence number. A node ends at its start while the tunnel of its former
/// run exists, so it is started again.
async fn restart_node(stack: &Stack) -> Result<()> {
    const STARTS: usize = 3;
    let node = &stack.nodes()[1];
    let is_up = || on_interface(stack, &IS_UP);
    for start in 1..=STARTS {
        if stack.process_id(&node.name).is_some() {
            stack.stop_program(&node.name).await?;
        }
        stack.hub().wait_for_blocks(2).await?;
        stack.start_program(&node.name).await?;
        match eventually("the node has its tunnel", Duration::from_secs(10), is_up).await {
            Err(error) if start == STARTS => return Err(error),
            Err(_) => {}
            Ok(()) => break,
        }
    }
    Ok(())
}
