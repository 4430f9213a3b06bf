//! The node's rate limit applies to the client address that the gate forwards: the true one, and no other.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Caller};

use crate::stub::{StubNode, TAKEN};
use crate::trial::{Trial, trials};
use crate::world::{World, enter, refused, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        clients_do_not_share_a_bucket,
        a_forger_gets_no_fresh_bucket,
        a_forger_empties_nobody_elses_bucket,
        the_node_is_told_one_address,
        a_handshake_arrives_as_it_was_sent,
    ]
}

/// Burst of the node's rate limit.
const BURST: usize = 5;

/// Headers from which some programs take a client's address.
const FORGED: [&str; 8] = [
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "x_forwarded_for",
    "x-client-ip",
    "true-client-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
];

/// Sends `GET /` with all of these headers claiming one address.
async fn ask(world: &World, caller: &Caller, claimed: Ipv4Addr) -> Result<Answer> {
    let mut request = caller.http().get(format!("{}/", world.gate().url));
    for name in FORGED {
        let value =
            if name == "forwarded" { format!("for={claimed};proto=http") } else { claimed.to_string() };
        request = request.header(name, value);
    }
    caller.send(request).await
}

async fn clients_do_not_share_a_bucket(world: &World) -> Result<()> {
    let url = format!("{}/", world.gate().url);
    let callers = (0..4 * BURST).map(|_| Caller::fresh()).collect::<Result<Vec<_>>>()?;
    let answers = futures::future::try_join_all(callers.iter().map(|caller| caller.get(&url))).await?;
    for answer in answers {
        answer.result()?;
    }
    Ok(())
}

async fn a_forger_gets_no_fresh_bucket(world: &World) -> Result<()> {
    let caller = Caller::fresh()?;
    let claims = (1..=10).map(|last| Ipv4Addr::new(203, 0, 113, last));
    let answers = futures::future::try_join_all(claims.map(|claimed| ask(world, &caller, claimed))).await?;
    let limited = answers.iter().filter(|answer| answer.status == 429);
    ensure!(limited.clone().count() >= 10 - BURST - 2, "{} of 10 were limited", limited.count());
    limited.into_iter().try_for_each(|answer| refused(answer, 429, 113))
}

async fn a_forger_empties_nobody_elses_bucket(world: &World) -> Result<()> {
    let address = Caller::fresh_address();
    let (forger, victim) = (Caller::fresh()?, Caller::from_address(address)?);
    let requests = (0..10).map(|_| ask(world, &forger, address));
    futures::future::try_join_all(requests).await?;
    for _ in 0..BURST {
        victim.get(&format!("{}/", world.gate().url)).await?.result().context("the victim is limited")?;
    }
    Ok(())
}

async fn the_node_is_told_one_address(world: &World) -> Result<()> {
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world.gate_with("gate-told", |config| set(config, "gate", "node_url", node.url())).await?;
    let (claimed, told) = ("203.0.113.99", Caller::fresh_address());
    let caller = Caller::from_address(told)?;
    let mut request = caller.http().get(format!("{}/told", gate.url)).header("x-kept", "as it was");
    for name in FORGED {
        request = request.header(name, claimed).header(name, "198.51.100.1, 192.0.2.1");
    }
    caller.send(request.header("connection", "x-for-one-hop").header("x-for-one-hop", "1")).await?;
    let seen = node.seen("/told").pop().context("nothing arrived")?;
    let told = told.to_string();
    for name in ["x-forwarded-for", "x-real-ip"] {
        let values: Vec<_> = seen.headers.get_all(name).iter().collect();
        ensure!(values == [told.as_str()], "{name} is {values:?}, not {told}");
    }
    let text = format!("{:?}", seen.headers);
    ensure!(!text.contains(claimed) && !text.contains("198.51.100.1"), "the node is told {text}");
    ensure!(seen.headers["x-kept"] == "as it was" && !seen.headers.contains_key("x-for-one-hop"), "{text}");
    Ok(())
}

/// Bytes are unchanged in both directions, whatever white space and further keys there are.
async fn a_handshake_arrives_as_it_was_sent(world: &World) -> Result<()> {
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world
        .gate_with("gate-bytes", |config| {
            set(config, "gate", "node_url", node.url());
            // The stub node has no tunnel of which the gate could be told.
            set(config, "tunnel", "interface", "none0");
        })
        .await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = serde_json::to_string(&holder.account.wireguard_handshake(session)?)?;
    let body = format!("\t{{\"x\" : [1, {{}}],\r\n {}  \n", &handshake[1..]);
    let answer = Caller::fresh()?.post_text(&format!("{}/?from=here", gate.url), body.clone()).await?;
    ensure!(
        answer.status == 200 && answer.bytes == TAKEN.as_bytes(),
        "the answer is another one: {answer:?}"
    );
    let seen = node.seen("/").into_iter().filter(|seen| seen.method == "POST").collect::<Vec<_>>();
    ensure!(seen.len() == 1, "the node got {} handshakes", seen.len());
    ensure!(seen[0].body == body.as_bytes() && seen[0].uri == "/?from=here", "it got {:?}", seen[0]);
    // A repeat that the gate answers from its record has the same bytes.
    let repeat = enter(&gate, &serde_json::from_str(&handshake)?).await?;
    ensure!(
        repeat.bytes == TAKEN.as_bytes() && node.seen("/").iter().filter(|s| s.method == "POST").count() == 1
    );
    Ok(())
}
