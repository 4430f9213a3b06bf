//! The whole of what a stock client does before its tunnel comes up: `GET /`, then `POST /`, each on a new TLS
//! connection; and both requests alone, on plain connections that are kept. At the node and through the gate in turns,
//! so that both see the same machine.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sentinel_stack::actors::{Account, Caller, Handshake, SignIn};
use sentinel_stack::info::NodeInfo;
use sentinel_stack::{Stack, StackOptions};
use serde_json::json;

use super::report;
use super::sample::{Figures, Sample};
use crate::build::{self, Profile};

/// A node takes 250 peers at most, so there are several, each with a gate of its own.
const NODES: usize = 5;
const PAIRS: usize = 56;
/// The first ones at each node warm both sides up and do not count.
const WARM_UP: usize = 4;
/// Sessions at each node: a pair of whole clients, and a pair of handshakes on kept connections.
const SESSIONS: usize = 4 * (PAIRS + WARM_UP);

pub(super) async fn run() -> Result<()> {
    let program = build::gate(Profile::Release).await?;
    let built = program.display().to_string();
    let many = i64::try_from(SESSIONS)?;
    let options = StackOptions::default().gates(NODES).program(program).configure(move |_, config| {
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
    print_figures(&built, measured?)
}

/// The same request at the node and through the gate.
#[derive(Default)]
struct Pair {
    direct: Sample,
    gate: Sample,
}

/// What is compared.
#[derive(Default)]
struct Measured {
    client: Pair,
    kept_get: Pair,
    kept_post: Pair,
}

/// Target of a handshake.
#[derive(Clone, Copy)]
enum Endpoint<'a> {
    Node(&'a str),
    Gate(&'a str),
}

async fn measure(stack: &Stack) -> Result<Measured> {
    let ethereum = stack.ethereum()?;
    let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
    let account = stack.hub().account("bench").await?;
    let mut measured = Measured::default();
    for (node, gate) in stack.info().nodes.iter().zip(&stack.info().gates) {
        SignIn::at(&gate.url)?.sign_in(&wallet, &account.address).await?;
        tracing::info!("opening {SESSIONS} sessions at {} and measuring {PAIRS} pairs", node.address);
        let sessions = stack.hub().direct_sessions(&account, &node.address, SESSIONS).await?;
        measured.at(node, &gate.url, &account, &sessions).await?;
    }
    Ok(measured)
}

impl Measured {
    async fn at(&mut self, node: &NodeInfo, gate: &str, account: &Account, sessions: &[u64]) -> Result<()> {
        let [node_tls, gate_plain] =
            [node.plain_url.replacen("http://", "https://", 1), gate.replacen("https://", "http://", 1)];
        for (round, four) in sessions.chunks_exact(4).enumerate() {
            let &[first, second, third, fourth] = four else { continue };
            let mut tls = [(Endpoint::Node(&node_tls), first), (Endpoint::Gate(gate), second)];
            let mut plain = [(Endpoint::Node(&node.plain_url), third), (Endpoint::Gate(&gate_plain), fourth)];
            // The order alternates, so that neither side profits from the other.
            if round % 2 == 1 {
                tls.reverse();
                plain.reverse();
            }
            for (door, session) in tls {
                let time = connect(door, account, session).await?;
                if round >= WARM_UP {
                    self.client.side(door).add(time);
                }
            }
            for (door, session) in plain {
                let (get, post) = kept(door, account, session).await?;
                if round >= WARM_UP {
                    self.kept_get.side(door).add(get);
                    self.kept_post.side(door).add(post);
                }
            }
        }
        Ok(())
    }
}

impl Pair {
    fn side(&mut self, door: Endpoint<'_>) -> &mut Sample {
        match door {
            Endpoint::Node(_) => &mut self.direct,
            Endpoint::Gate(_) => &mut self.gate,
        }
    }
}

/// A client. At the node itself a header says who calls, so that each round is another client, as it is through the
/// gate: the node takes five requests from one address at once, then one a second.
struct Visitor<'a> {
    door: Endpoint<'a>,
    source: std::net::Ipv4Addr,
}

impl<'a> Visitor<'a> {
    fn at(door: Endpoint<'a>) -> Self {
        Self { door, source: Caller::fresh_address() }
    }

    /// A connection of its own.
    fn caller(&self) -> Result<Caller> {
        match self.door {
            Endpoint::Node(_) => Caller::anywhere(),
            Endpoint::Gate(_) => Caller::from_address(self.source),
        }
    }

    async fn get(&self, caller: &Caller) -> Result<()> {
        let request = self.named(caller.http().get(self.url()));
        caller.send(request).await?.result().map(drop).context("GET /")
    }

    async fn post(&self, caller: &Caller, handshake: &Handshake) -> Result<()> {
        let answer = caller.send(self.named(caller.http().post(self.url()).json(handshake))).await?;
        answer.result().map(drop).with_context(|| format!("session {} at {}", handshake.id, self.url()))
    }

    fn url(&self) -> String {
        let (Endpoint::Node(url) | Endpoint::Gate(url)) = self.door;
        format!("{url}/")
    }

    fn named(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self.door {
            Endpoint::Node(_) => request.header("x-forwarded-for", self.source.to_string()),
            Endpoint::Gate(_) => request,
        }
    }
}

/// One stock client's way.
async fn connect(door: Endpoint<'_>, account: &Account, session: u64) -> Result<Duration> {
    let (visitor, handshake) = (Visitor::at(door), account.wireguard_handshake(session)?);
    let (first, second) = (visitor.caller()?, visitor.caller()?);
    let begin = Instant::now();
    visitor.get(&first).await?;
    visitor.post(&second, &handshake).await?;
    Ok(begin.elapsed())
}

/// Both requests on a connection that is open already.
async fn kept(door: Endpoint<'_>, account: &Account, session: u64) -> Result<(Duration, Duration)> {
    let (visitor, handshake) = (Visitor::at(door), account.wireguard_handshake(session)?);
    let caller = visitor.caller()?;
    visitor.get(&caller).await?;
    let begin = Instant::now();
    visitor.get(&caller).await?;
    let got = begin.elapsed();
    let begin = Instant::now();
    visitor.post(&caller, &handshake).await?;
    Ok((got, begin.elapsed()))
}

fn print_figures(built: &str, measured: Measured) -> Result<()> {
    println!(
        "\nhandshakes at the node and through the gate, {} pairs in turns; gate: {built}",
        NODES * PAIRS
    );
    println!("{:<34} {:>12} {:>12} {:>9} {:>12}", "", "node", "gate", "ratio", "more");
    let mut figures = serde_json::Map::new();
    for (name, pair) in [
        ("whole stock client (TLS)", measured.client),
        ("GET / on a kept connection", measured.kept_get),
        ("POST / on a kept connection", measured.kept_post),
    ] {
        let (direct, gate): (Figures, Figures) = (pair.direct.figures(), pair.gate.figures());
        for (at, direct, gate) in [("p50", direct.p50_ms, gate.p50_ms), ("p99", direct.p99_ms, gate.p99_ms)] {
            let (ratio, more) = (gate / direct, gate - direct);
            println!("{name:<30} {at} {direct:>9.2} ms {gate:>9.2} ms {ratio:>8.2}x {more:>9.2} ms");
        }
        let ratio = json!({ "p50": gate.p50_ms / direct.p50_ms, "p99": gate.p99_ms / direct.p99_ms });
        figures.insert(name.to_owned(), json!({ "direct": direct, "gate": gate, "ratio": ratio }));
    }
    report::write("handshake", &json!({ "program": built, "pairs": NODES * PAIRS, "figures": figures }))
}
