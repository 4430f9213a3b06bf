//! A node that breaks in the middle of an answer: its client receives a refusal in time and in the envelope, a
//! handshake is sent once and never repeated by the gate, and no answer reaches another client.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::stub::node_info;
use crate::trial::{Trial, trials};
use crate::world::{PATIENCE, World, enter, eventually, knock, refused, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![handshakes_at_a_broken_node, other_requests_at_a_broken_node, an_answer_too_many]
}

/// Behaviour of the node for every request but the gate's own query of its info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Answers.
    Well,
    /// Sends these bytes and closes the connection.
    Says(&'static [u8]),
    /// Sends these bytes and nothing more.
    Stops(&'static [u8]),
    /// Closes the connection with unread bytes, which resets it.
    Resets,
    /// Sends one byte of its answer a second.
    Drips,
    /// Sends an answer that never ends.
    Endless,
    /// Sends a head that never ends.
    EndlessHead,
}

const FINE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 101\r\n\r\n{\"success\":true,\"result\":{\"addrs\":[\"127.0.0.1\"],\"data\":\"eyJhZGRycyI6WyIxMC4wLjAuMi8zMiJdfQ==\"},\"x\":1}";

const BROKEN: [(&str, Mood); 18] = [
    ("closes", Mood::Says(b"")),
    ("resets", Mood::Resets),
    ("is silent", Mood::Stops(b"")),
    ("stops in its first line", Mood::Stops(b"HTTP/1.1 20")),
    ("stops in its head", Mood::Stops(b"HTTP/1.1 200 OK\r\nContent-Le")),
    ("stops in its body", Mood::Stops(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true")),
    ("ends in its head", Mood::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n")),
    ("ends in its body", Mood::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true")),
    (
        "ends in a chunk",
        Mood::Says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{\"success\":true"),
    ),
    ("drips", Mood::Drips),
    ("never ends", Mood::Endless),
    ("speaks something else", Mood::Says(b"SSH-2.0-OpenSSH_9\r\n\r\n")),
    ("sends noise", Mood::Says(&[0xff; 600])),
    ("has a head without end", Mood::EndlessHead),
    ("names no length", Mood::Says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")),
    (
        "names two lengths",
        Mood::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    ),
    (
        "switches protocols",
        Mood::Says(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes"),
    ),
    ("announces too much", Mood::Stops(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")),
];

#[derive(Debug)]
struct Node {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    info: Vec<u8>,
    mood: Mutex<Mood>,
    /// Heads of the requests other than for its info.
    asked: Mutex<Vec<String>>,
}

impl Node {
    async fn like(url: &str) -> Result<Self> {
        let info = node_info(url).await?;
        let shared = Shared { info, mood: Mutex::new(Mood::Well), asked: Mutex::default() };
        let (shared, listener) = (Arc::new(shared), TcpListener::bind(("127.0.0.1", 0)).await?);
        let (address, server) = (listener.local_addr()?, Arc::clone(&shared));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&server);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Ok(Self { address, shared, task })
    }

    fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    fn asked(&self) -> usize {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn gate(&self, world: &World, name: &str) -> Result<GateInfo> {
        let url = format!("http://{}", self.address);
        world.gate_with(name, |config| set(config, "gate", "node_url", url)).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let head = loop {
                if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                    break String::from_utf8_lossy(&bytes.drain(..end + 4).collect::<Vec<u8>>()).into_owned();
                }
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Ok(());
                }
            };
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if head.starts_with("GET / ") && !head.contains("x-trial") {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", self.info.len());
                stream.write_all(&[head.as_bytes(), &self.info].concat()).await?;
                continue;
            }
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(head);
            let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
            if mood == Mood::Resets {
                // Most of the body is still unread.
                return Ok(());
            }
            while bytes.len() < length {
                stream.read_buf(&mut bytes).await?;
            }
            bytes.drain(..length);
            match mood {
                Mood::Well => stream.write_all(FINE).await?,
                Mood::Says(words) => return stream.write_all(words).await,
                Mood::Stops(words) => {
                    stream.write_all(words).await?;
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                Mood::Drips => {
                    for byte in FINE {
                        stream.write_all(&[*byte]).await?;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                Mood::Endless => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                    let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
                    while stream.write_all(&chunk).await.is_ok() {}
                    return Ok(());
                }
                Mood::EndlessHead => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                    while stream.write_all(&b"X-More: and more\r\n".repeat(100)).await.is_ok() {}
                    return Ok(());
                }
                Mood::Resets => {}
            }
        }
    }
}

/// Every fault is answered with 114 in time, after exactly one request at the node. The faults are split over several
/// nodes, because a gate waits for a silent node as long as it may.
async fn handshakes_at_a_broken_node(world: &World) -> Result<()> {
    let parts = BROKEN.chunks(BROKEN.len().div_ceil(3)).enumerate();
    try_join_all(parts.map(|(number, part)| handshakes_at_a_node_with(world, number, part))).await.map(drop)
}

async fn handshakes_at_a_node_with(
    world: &World,
    number: usize,
    faults: &[(&'static str, Mood)],
) -> Result<()> {
    let node = Node::like(&world.node().plain_url).await?;
    let gate = node.gate(world, &format!("gate-broken-{number}")).await?;
    let mut last = None;
    for (name, mood) in faults.iter().copied() {
        // Another handshake for the same session would wait for the one that is still in progress.
        let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
        let session = world.direct_session(&holder.account).await?;
        let handshake = last.insert(holder.account.wireguard_handshake(session)?);
        node.is(mood);
        let (before, begun) = (node.asked(), Instant::now());
        let answer = knock(&gate, handshake).await.with_context(|| format!("the node {name}"))?;
        refused(&answer, 502, 114).with_context(|| format!("the node {name}"))?;
        ensure!(begun.elapsed() < PATIENCE, "the node {name}: it took {:?}", begun.elapsed());
        let asked = node.asked() - before;
        ensure!(asked == 1, "the node {name}: it was asked {asked} times");
    }
    // The tunnel key stays in use while the last request is in progress; then the same handshake succeeds.
    node.is(Mood::Well);
    let handshake = last.context("no handshake")?;
    let good = || async { enter(&gate, &handshake).await };
    eventually("the node is well again", Duration::from_secs(20), good).await?;
    Ok(())
}

async fn other_requests_at_a_broken_node(world: &World) -> Result<()> {
    let node = Node::like(&world.node().plain_url).await?;
    let gate = node.gate(world, "gate-broken2").await?;
    let ask = || async {
        let caller = Caller::fresh()?;
        caller.send(caller.http().get(format!("{}/", gate.url)).header("x-trial", "1")).await
    };
    // An endless answer is not read to its end here.
    for (name, mood) in BROKEN.into_iter().filter(|(_, mood)| *mood != Mood::Endless) {
        node.is(mood);
        let (before, begun) = (node.asked(), Instant::now());
        // Once the head has arrived, the answer is being forwarded and can only break off.
        let answer = tokio::time::timeout(PATIENCE, ask()).await;
        let told = match &answer {
            Ok(Ok(answer)) => {
                refused(answer, 502, 114).with_context(|| format!("the node {name}"))?;
                "told"
            }
            Ok(Err(_)) => "cut",
            Err(_) => "left waiting",
        };
        let head_came = matches!(mood, Mood::Says(words) | Mood::Stops(words) if words.starts_with(b"HTTP/1.1 200") && words.windows(4).any(|four| four == b"\r\n\r\n"));
        ensure!(told == "told" || head_came, "the node {name}: {told} after {:?}", begun.elapsed());
        ensure!(node.asked() - before == 1, "the node {name}: it was asked {} times", node.asked() - before);
    }
    node.is(Mood::Well);
    ask().await?.result().context("the node is well again").map(drop)
}

/// Bytes that a node sends beyond its answer reach no client.
async fn an_answer_too_many(world: &World) -> Result<()> {
    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
    let node = Node::like(&world.node().plain_url).await?;
    let gate = node.gate(world, "gate-twice").await?;
    node.is(Mood::Stops(TWO));
    for round in 0..8 {
        let caller = Caller::fresh()?;
        let answer = caller.get(&format!("{}/round{round}", gate.url)).await?;
        ensure!(answer.bytes == b"first", "round {round}: {:?}", String::from_utf8_lossy(&answer.bytes));
    }
    ensure!(node.asked() == 8, "asked {} times", node.asked());
    Ok(())
}
