//! A node that breaks in the middle of an answer: its client receives a refusal in time and in the envelope, a
//! handshake is sent once and never repeated by the gate, and no answer reaches another client.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::response_time::within_response_limit;
use crate::fixture::{Fixture, ensure_refusal, eventually, expect_admission, send_handshake, set_key};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::stub_node::fetch_node_info;

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        refuses_handshakes_in_time_at_a_broken_node,
        refuses_other_requests_in_time_at_a_broken_node,
        discards_surplus_answers_of_the_node
    ]
}

/// Behaviour of the node for every request but the gate's own query of its info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeBehavior {
    /// Answers.
    Answer,
    /// Sends these bytes and closes the connection.
    SendAndClose(&'static [u8]),
    /// Sends these bytes and nothing more.
    SendAndStall(&'static [u8]),
    /// Closes the connection with unread bytes, which resets it.
    Reset,
    /// Sends one byte of its answer a second.
    Drip,
    /// Sends an answer that never ends.
    Endless,
    /// Sends a head that never ends.
    EndlessHead,
}

impl NodeBehavior {
    fn sends_complete_head(self) -> bool {
        let (Self::SendAndClose(bytes) | Self::SendAndStall(bytes)) = self else { return false };
        bytes.starts_with(b"HTTP/1.1 200") && bytes.windows(4).any(|four| four == b"\r\n\r\n")
    }
}

/// How long an answer that stalls is waited for.
const STALL_OBSERVATION: Duration = Duration::from_secs(3);

const GOOD_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 101\r\n\r\n{\"success\":true,\"result\":{\"addrs\":[\"127.0.0.1\"],\"data\":\"eyJhZGRycyI6WyIxMC4wLjAuMi8zMiJdfQ==\"},\"x\":1}";

const FAULTS: [(&str, NodeBehavior); 18] = [
    ("closes", NodeBehavior::SendAndClose(b"")),
    ("resets", NodeBehavior::Reset),
    ("is silent", NodeBehavior::SendAndStall(b"")),
    ("stops in its first line", NodeBehavior::SendAndStall(b"HTTP/1.1 20")),
    ("stops in its head", NodeBehavior::SendAndStall(b"HTTP/1.1 200 OK\r\nContent-Le")),
    (
        "stops in its body",
        NodeBehavior::SendAndStall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true"),
    ),
    ("ends in its head", NodeBehavior::SendAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n")),
    (
        "ends in its body",
        NodeBehavior::SendAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true"),
    ),
    (
        "ends in a chunk",
        NodeBehavior::SendAndClose(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{\"success\":true",
        ),
    ),
    ("drips", NodeBehavior::Drip),
    ("never ends", NodeBehavior::Endless),
    ("speaks something else", NodeBehavior::SendAndClose(b"SSH-2.0-OpenSSH_9\r\n\r\n")),
    ("sends noise", NodeBehavior::SendAndClose(&[0xff; 600])),
    ("has a head without end", NodeBehavior::EndlessHead),
    ("names no length", NodeBehavior::SendAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")),
    (
        "names two lengths",
        NodeBehavior::SendAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    ),
    (
        "switches protocols",
        NodeBehavior::SendAndClose(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes",
        ),
    ),
    (
        "announces too much",
        NodeBehavior::SendAndStall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ),
];

#[derive(Debug)]
struct FaultyNode {
    address: SocketAddr,
    shared: Arc<NodeState>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct NodeState {
    info: Vec<u8>,
    behavior: Mutex<NodeBehavior>,
    /// Heads of the requests other than for its info.
    asked: Mutex<Vec<String>>,
}

impl FaultyNode {
    async fn with_info_of(url: &str) -> Result<Self> {
        let info = fetch_node_info(url).await?;
        let shared = NodeState { info, behavior: Mutex::new(NodeBehavior::Answer), asked: Mutex::default() };
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

    fn set_behavior(&self, behavior: NodeBehavior) {
        *self.shared.behavior.lock().unwrap_or_else(PoisonError::into_inner) = behavior;
    }

    fn request_count(&self) -> usize {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn start_gate(&self, fixture: &Fixture, name: &str) -> Result<GateInfo> {
        let url = format!("http://{}", self.address);
        fixture.start_gate(name, |config| set_key(config, "gate", "node_url", url)).await
    }
}

impl Drop for FaultyNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NodeState {
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
            if head.starts_with("GET / ") && !head.contains("x-scenario") {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", self.info.len());
                stream.write_all(&[head.as_bytes(), &self.info].concat()).await?;
                continue;
            }
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(head);
            let behavior = *self.behavior.lock().unwrap_or_else(PoisonError::into_inner);
            if behavior == NodeBehavior::Reset {
                // Most of the body is still unread.
                return Ok(());
            }
            while bytes.len() < length {
                stream.read_buf(&mut bytes).await?;
            }
            bytes.drain(..length);
            match behavior {
                NodeBehavior::Answer => stream.write_all(GOOD_ANSWER).await?,
                NodeBehavior::SendAndClose(words) => return stream.write_all(words).await,
                NodeBehavior::SendAndStall(words) => {
                    stream.write_all(words).await?;
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                NodeBehavior::Drip => {
                    for byte in GOOD_ANSWER {
                        stream.write_all(&[*byte]).await?;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                NodeBehavior::Endless => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                    let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
                    while stream.write_all(&chunk).await.is_ok() {}
                    return Ok(());
                }
                NodeBehavior::EndlessHead => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                    while stream.write_all(&b"X-More: and more\r\n".repeat(100)).await.is_ok() {}
                    return Ok(());
                }
                NodeBehavior::Reset => {}
            }
        }
    }
}

/// Every fault is answered with 114 in time, after exactly one request at the node. The faults are split over several
/// nodes, because a gate waits for a silent node as long as it may.
async fn refuses_handshakes_in_time_at_a_broken_node(fixture: &Fixture) -> Result<()> {
    let parts = FAULTS.chunks(FAULTS.len().div_ceil(3)).enumerate();
    try_join_all(parts.map(|(number, part)| check_handshakes_at_faulty_node(fixture, number, part)))
        .await
        .map(drop)
}

async fn check_handshakes_at_faulty_node(
    fixture: &Fixture,
    number: usize,
    faults: &[(&'static str, NodeBehavior)],
) -> Result<()> {
    let node = FaultyNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = node.start_gate(fixture, &format!("gate-broken-{number}")).await?;
    let mut last = None;
    for (name, behavior) in faults.iter().copied() {
        // Another handshake for the same session would wait for the one that is still in progress.
        let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
        let session = fixture.open_direct_session(&holder.account).await?;
        let handshake = last.insert(holder.account.wireguard_handshake(session)?);
        node.set_behavior(behavior);
        let (before, what) = (node.request_count(), format!("a handshake at a node that {name}"));
        let answer = within_response_limit(&gate, &what, send_handshake(&gate, handshake)).await?;
        ensure_refusal(&answer, 502, 114).with_context(|| what.clone())?;
        let asked = node.request_count() - before;
        ensure!(asked == 1, "{what}: the node received {asked} requests");
    }
    // The tunnel key stays in use while the last request is in progress; then the same handshake succeeds.
    node.set_behavior(NodeBehavior::Answer);
    let handshake = last.context("no handshake")?;
    let good = || async { expect_admission(&gate, &handshake).await };
    eventually("the node is well again", Duration::from_secs(20), good).await?;
    Ok(())
}

async fn refuses_other_requests_in_time_at_a_broken_node(fixture: &Fixture) -> Result<()> {
    let node = FaultyNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = node.start_gate(fixture, "gate-broken2").await?;
    let ask = || async {
        let caller = Caller::fresh()?;
        caller.send(caller.http().get(format!("{}/", gate.url)).header("x-scenario", "1")).await
    };
    // An endless answer is not read to its end here.
    for (name, behavior) in FAULTS.into_iter().filter(|(_, behavior)| *behavior != NodeBehavior::Endless) {
        node.set_behavior(behavior);
        let (before, what) = (node.request_count(), format!("a request at a node that {name}"));
        // Once the head has arrived, the answer is being forwarded and can only break off or stall.
        if behavior.sends_complete_head() {
            if let Ok(Ok(answer)) = tokio::time::timeout(STALL_OBSERVATION, ask()).await {
                ensure_refusal(&answer, 502, 114).with_context(|| what.clone())?;
            }
        } else {
            let answer = within_response_limit(&gate, &what, ask()).await?;
            ensure_refusal(&answer, 502, 114).with_context(|| what.clone())?;
        }
        let asked = node.request_count() - before;
        ensure!(asked == 1, "{what}: the node received {asked} requests");
    }
    node.set_behavior(NodeBehavior::Answer);
    ask().await?.result().context("the node is well again").map(drop)
}

/// Bytes that a node sends beyond its answer reach no client.
async fn discards_surplus_answers_of_the_node(fixture: &Fixture) -> Result<()> {
    const TWO_ANSWERS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
    let node = FaultyNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = node.start_gate(fixture, "gate-twice").await?;
    node.set_behavior(NodeBehavior::SendAndStall(TWO_ANSWERS));
    for round in 0..8 {
        let caller = Caller::fresh()?;
        let answer = caller.get(&format!("{}/round{round}", gate.url)).await?;
        ensure!(answer.bytes == b"first", "round {round}: {:?}", String::from_utf8_lossy(&answer.bytes));
    }
    ensure!(node.request_count() == 8, "the node received {} requests", node.request_count());
    Ok(())
}
