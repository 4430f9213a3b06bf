//! A provider of Ethereum that misbehaves as told, on a local socket.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Bytes, U256};
use alloy::sol_types::{SolCall, SolValue};
use serde_json::{Value, json};
use sovereign_contracts::multicall::IMulticall3::{self, aggregate3Call};
use sovereign_contracts::reader::{Observer, ReaderConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a stub does with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers; every call of the reader's user is answered with this number.
    Says(u64),
    /// Answers each call with the last word of its data, so much later.
    Echoes(Duration),
    /// The same, but a fragile bundle with this word uses up the gas: beside others it fails, and all after it.
    SpoiltBy(u64),
    /// Answers so much later.
    Slow(Duration, u64),
    /// Takes the question and never answers.
    Silent,
    /// Closes the connection.
    Resets,
    /// One byte a while.
    Drips,
    /// This status, and a page.
    Status(u16),
    /// This body, with status 200.
    Body(String),
    /// Announces more than anybody wants.
    AnnouncesHuge,
    /// Sends without end and without announcing it.
    SendsWithoutEnd,
    /// A JSON-RPC error.
    Refuses(i64, &'static str),
    /// The right shape with an answer too few.
    OneTooFew,
}

/// The stub's place in the chain.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) chain_id: u64,
    /// What `eth_chainId` says.
    pub(crate) claimed_chain_id: u64,
    pub(crate) head: u64,
    /// Time of its blocks; else one that only depends on the number, so that honest stubs agree.
    pub(crate) time: Option<u64>,
    /// Another time that it claims of a block while nobody asks for it by number.
    pub(crate) claimed_time: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    calls: Arc<AtomicUsize>,
    chain_id_calls: Arc<AtomicUsize>,
}

impl Stub {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state =
            State { mood, chain_id: 1, claimed_chain_id: 1, head: 100, time: None, claimed_time: None };
        let stub = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::new(Mutex::new(state)),
            calls: Arc::default(),
            chain_id_calls: Arc::default(),
        };
        let server = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        stub
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// How many `eth_call`s have arrived.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn chain_id_calls(&self) -> usize {
        self.chain_id_calls.load(Ordering::SeqCst)
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(question) = read_question(&mut stream).await else { return };
        let mut state = self.state.lock().unwrap().clone();
        if question["params"][1].as_str().is_some_and(|tag| !tag.starts_with("0x")) {
            state.time = state.claimed_time.or(state.time);
        }
        let result = match question["method"].as_str().unwrap() {
            "eth_chainId" => {
                self.chain_id_calls.fetch_add(1, Ordering::SeqCst);
                json!(format!("{:#x}", state.claimed_chain_id))
            }
            "eth_getCode" => json!("0x"),
            _ => {
                self.calls.fetch_add(1, Ordering::SeqCst);
                let Some(block) = block_of(&question, &state) else {
                    let error = json!({ "code": -32000, "message": "header not found" });
                    let body = json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string();
                    return send(&mut stream, 200, &body).await;
                };
                json!(answer(&question, &state, block))
            }
        };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "result": result }).to_string();
        self.reply(&mut stream, state.mood, body).await;
    }

    async fn reply(&self, stream: &mut TcpStream, mood: Mood, body: String) {
        match mood {
            Mood::Says(_) | Mood::OneTooFew | Mood::SpoiltBy(_) => send(stream, 200, &body).await,
            Mood::Slow(delay, _) | Mood::Echoes(delay) => {
                tokio::time::sleep(delay).await;
                send(stream, 200, &body).await;
            }
            Mood::Silent => tokio::time::sleep(Duration::from_secs(60)).await,
            Mood::Resets => {}
            Mood::Drips => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                for byte in head.bytes().chain(body.bytes()) {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Mood::Status(status) => send(stream, status, "<h1>no</h1>").await,
            Mood::Body(body) => send(stream, 200, &body).await,
            Mood::Refuses(code, message) => {
                let error = json!({ "code": code, "message": message });
                send(stream, 200, &json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string()).await;
            }
            Mood::AnnouncesHuge => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n[").await;
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Mood::SendsWithoutEnd => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b' '; 8192]).await.is_ok() {}
            }
        }
    }
}

fn block_of(question: &Value, state: &State) -> Option<u64> {
    match question["params"][1].as_str()? {
        "latest" | "finalized" | "safe" => Some(state.head),
        number => {
            let number = u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
            (number <= state.head).then_some(number)
        }
    }
}

/// Plays Multicall3 at `block`.
fn answer(question: &Value, state: &State, block: u64) -> Bytes {
    let data: Bytes = question["params"][0]["data"].as_str().unwrap().parse().unwrap();
    let mut results = aggregate(&data, state, block);
    if state.mood == Mood::OneTooFew {
        results.pop();
    }
    results.abi_encode().into()
}

fn aggregate(data: &[u8], state: &State, block: u64) -> Vec<IMulticall3::Result> {
    let calls = aggregate3Call::abi_decode(data).unwrap().calls;
    let bundles = calls.iter().filter(|call| call.callData[..4] == aggregate3Call::SELECTOR).count();
    let mut spoilt = false;
    let mut answer = |call: &IMulticall3::Call3| match call.callData[..4].try_into().unwrap() {
        aggregate3Call::SELECTOR => {
            spoilt |=
                bundles > 1 && matches!(state.mood, Mood::SpoiltBy(word) if names(&call.callData, word));
            if spoilt {
                return IMulticall3::Result { success: false, returnData: Bytes::new() };
            }
            success(aggregate(&call.callData, state, block).abi_encode())
        }
        selector => success(value(selector, &call.callData, state, block).abi_encode()),
    };
    calls.iter().map(&mut answer).collect()
}

fn names(bundle: &[u8], word: u64) -> bool {
    let calls = aggregate3Call::abi_decode(bundle).unwrap().calls;
    calls.iter().any(|call| call.callData.ends_with(&U256::from(word).to_be_bytes::<32>()))
}

fn success(data: Vec<u8>) -> IMulticall3::Result {
    IMulticall3::Result { success: true, returnData: data.into() }
}

fn value(selector: [u8; 4], data: &[u8], state: &State, block: u64) -> U256 {
    U256::from(match selector {
        IMulticall3::getChainIdCall::SELECTOR => state.chain_id,
        IMulticall3::getBlockNumberCall::SELECTOR => block,
        IMulticall3::getCurrentBlockTimestampCall::SELECTOR => state.time.unwrap_or(1_800_000_000 + block),
        IMulticall3::getLastBlockHashCall::SELECTOR => block * 7,
        _ => match state.mood {
            Mood::Says(value) | Mood::Slow(_, value) => value,
            Mood::Echoes(_) | Mood::SpoiltBy(_) => return U256::from_be_slice(&data[data.len() - 32..]),
            _ => 0,
        },
    })
}

pub(crate) async fn read_question(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lower = head.to_lowercase();
        let length =
            lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
        if body.len() >= length {
            return serde_json::from_str(body).ok();
        }
    }
}

pub(crate) async fn send(stream: &mut TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

/// A configuration for these providers, whose waits suit tests.
pub(crate) fn config(stubs: &[&Stub], quorum: usize) -> ReaderConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    ReaderConfig {
        rpc_addrs: stubs.iter().map(|stub| stub.url.clone()).collect(),
        quorum,
        timeout: Duration::from_millis(900),
        hedge_delay: Duration::from_millis(150),
        calls_per_second: 0,
        ..ReaderConfig::default()
    }
}

/// Remembers what it is told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) outcomes: Mutex<Vec<(&'static str, &'static str)>>,
    pub(crate) heads: AtomicUsize,
}

impl Observer for Notes {
    fn call_ended(&self, _: &str, method: &'static str, outcome: &'static str, _: Duration) {
        self.outcomes.lock().unwrap().push((method, outcome));
    }

    fn head_seen(&self, _: Duration) {
        self.heads.fetch_add(1, Ordering::SeqCst);
    }
}
