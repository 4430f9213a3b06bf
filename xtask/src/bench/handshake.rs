//! The whole of what a stock client does before its tunnel comes up: `GET /`, then `POST /`, each on a new TLS
//! connection. At the node and through the gate in turns, so that both see the same machine.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sentinel_stack::actors::{Account, Caller};
use sentinel_stack::{Stack, StackOptions, paths};
use serde_json::json;

use super::sample::Sample;
use crate::build::{self, Profile};

const PAIRS: usize = 100;
/// The first ones warm both sides up and do not count.
const WARM_UP: usize = 5;

pub(super) async fn run() -> Result<()> {
    let program = build::gate(Profile::Release).await?;
    let built = program.display().to_string();
    let many = i64::try_from(2 * (PAIRS + WARM_UP))?;
    let options = StackOptions::default().gates(1).program(program).configure(move |_, config| {
        // All sessions are one holder's.
        let policy = config.get_mut("policy").and_then(toml::Value::as_table_mut);
        let tiers = policy.into_iter().flat_map(|policy| policy.iter_mut());
        for (_, tier) in tiers.filter(|(name, _)| ["free", "paid"].contains(&name.as_str())) {
            tier.as_table_mut().map(|tier| tier.insert("devices".to_owned(), many.into()));
        }
    });
    let stack = Stack::start(options).await?;
    let measured = measure(&stack).await;
    stack.stop().await?;
    let (direct, gate) = measured?;
    report(&built, direct, gate)
}

async fn measure(stack: &Stack) -> Result<(Sample, Sample)> {
    let ethereum = stack.ethereum()?;
    let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
    let account = stack.hub().account("bench").await?;
    stack.sign_in()?.sign_in(&wallet, &account.address).await?;
    let node = stack.info().nodes.first().context("no node")?;
    let door = &stack.info().gates.first().context("no gate")?.url;
    let around = node.plain_url.replacen("http://", "https://", 1);
    tracing::info!("opening {} sessions", 2 * (PAIRS + WARM_UP));
    let sessions = stack.hub().direct_sessions(&account, &node.address, 2 * (PAIRS + WARM_UP)).await?;
    tracing::info!("measuring {PAIRS} pairs");
    let (mut direct, mut gate) = (Sample::default(), Sample::default());
    for (round, pair) in sessions.chunks_exact(2).enumerate() {
        let &[first, second] = pair else { continue };
        // Who goes first changes, so that neither profits from the other.
        let (at_node, at_gate) = if round % 2 == 0 {
            let at_node = connect(&around, &account, first, true).await?;
            (at_node, connect(door, &account, second, false).await?)
        } else {
            let at_gate = connect(door, &account, second, false).await?;
            (connect(&around, &account, first, true).await?, at_gate)
        };
        if round >= WARM_UP {
            direct.add(at_node);
            gate.add(at_gate);
        }
    }
    Ok((direct, gate))
}

/// One client's way. At the node itself a header says who calls, so that each round is another client, as it is
/// through the gate: the node takes five requests from one address at once, then one a second.
async fn connect(url: &str, account: &Account, session: u64, at_node: bool) -> Result<Duration> {
    let handshake = account.wireguard_handshake(session)?;
    let source = Caller::fresh_address();
    let caller = || if at_node { Caller::anywhere() } else { Caller::from_address(source) };
    let named = |request: reqwest::RequestBuilder| {
        if at_node { request.header("x-forwarded-for", source.to_string()) } else { request }
    };
    // Each has a connection of its own.
    let (first, second) = (caller()?, caller()?);
    let begin = Instant::now();
    first.send(named(first.http().get(format!("{url}/")))).await?.result().context("GET /")?;
    let answer = second.send(named(second.http().post(format!("{url}/")).json(&handshake))).await?;
    let time = begin.elapsed();
    answer.result().with_context(|| format!("handshake of session {session} at {url}"))?;
    Ok(time)
}

fn report(built: &str, direct: Sample, gate: Sample) -> Result<()> {
    let pairs = direct.len();
    let (direct, gate) = (direct.figures(), gate.figures());
    let ratio = [gate.p50_ms / direct.p50_ms, gate.p99_ms / direct.p99_ms];
    println!("\nhandshake as the stock client does it, {pairs} pairs; gate: {built}");
    println!("{:<18} {:>10} {:>10}", "", "p50", "p99");
    for (name, figures) in [("at the node", direct), ("through the gate", gate)] {
        println!("{name:<18} {:>7.1} ms {:>7.1} ms", figures.p50_ms, figures.p99_ms);
    }
    println!("{:<18} {:>9.2}x {:>9.2}x", "ratio", ratio[0], ratio[1]);
    let directory = paths::target().join("bench");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join("handshake.json");
    let figures = json!({ "name": "handshake", "program": built, "pairs": pairs, "direct": direct, "gate": gate,
        "ratio": { "p50": ratio[0], "p99": ratio[1] } });
    std::fs::write(&path, serde_json::to_vec_pretty(&figures)?)?;
    println!("written to {}", path.display());
    Ok(())
}
