//! A provider that passes on what an anvil says, except for one thing.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::B256;
use serde_json::{Value, json};
use sovereign_contracts::dev::Anvil;
use tokio::net::{TcpListener, TcpStream};

use crate::stub::{read_question, send};

/// What it does not pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    Nothing,
    /// Its newest block is the one of this number.
    Stuck(u64),
    /// Its newest block has this number, and every block a hash of its own.
    Invents(u64),
    /// It tells of blocks and not of events.
    RefusesLogs,
    /// It tells events of another block than it is asked for.
    ForeignLogs,
    /// Events take so long.
    SlowLogs(Duration),
}

#[derive(Default)]
struct Seen {
    calls: HashMap<String, usize>,
    under_way: HashMap<String, usize>,
    most_at_once: HashMap<String, usize>,
}

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    anvil: String,
    http: reqwest::Client,
    lie: Arc<Mutex<Lie>>,
    seen: Arc<Mutex<Seen>>,
}

impl Proxy {
    pub(crate) async fn start(anvil: &Anvil, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            anvil: anvil.url(),
            http: reqwest::Client::new(),
            lie: Arc::new(Mutex::new(lie)),
            seen: Arc::default(),
        };
        let server = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        proxy
    }

    pub(crate) fn set(&self, lie: Lie) {
        *self.lie.lock().unwrap() = lie;
    }

    /// How many calls have arrived, of whatever kind.
    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().unwrap().calls.values().sum()
    }

    pub(crate) fn calls_of(&self, method: &str) -> usize {
        self.seen.lock().unwrap().calls.get(method).copied().unwrap_or_default()
    }

    pub(crate) fn most_at_once(&self, method: &str) -> usize {
        self.seen.lock().unwrap().most_at_once.get(method).copied().unwrap_or_default()
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(question) = read_question(&mut stream).await else { return };
        let method = question["method"].as_str().unwrap().to_owned();
        {
            let mut seen = self.seen.lock().unwrap();
            *seen.calls.entry(method.clone()).or_default() += 1;
            let under_way = seen.under_way.entry(method.clone()).or_default();
            *under_way += 1;
            let under_way = *under_way;
            let most = seen.most_at_once.entry(method.clone()).or_default();
            *most = under_way.max(*most);
        }
        let answer = self.answer(question, &method).await;
        *self.seen.lock().unwrap().under_way.get_mut(&method).unwrap() -= 1;
        send(&mut stream, 200, &answer.to_string()).await;
    }

    async fn answer(&self, mut question: Value, method: &str) -> Value {
        let lie = *self.lie.lock().unwrap();
        let id = question["id"].clone();
        let newest = question["params"][0] == "latest";
        match (method, lie) {
            ("eth_getBlockByNumber", Lie::Stuck(number)) if newest => {
                question["params"][0] = json!(format!("{number:#x}"));
                self.ask(&question).await
            }
            ("eth_getBlockByNumber", Lie::Invents(number)) => {
                let mut answer = self.ask(&question).await;
                answer["result"]["hash"] = json!(B256::repeat_byte(0xee));
                if newest {
                    answer["result"]["number"] = json!(format!("{number:#x}"));
                }
                answer
            }
            ("eth_getLogs", Lie::RefusesLogs) => {
                let error = json!({ "code": -32601, "message": "the method does not exist" });
                json!({ "jsonrpc": "2.0", "id": id, "error": error })
            }
            ("eth_getLogs", Lie::ForeignLogs) => {
                let mut answer = self.ask(&question).await;
                for log in answer["result"].as_array_mut().into_iter().flatten() {
                    log["blockHash"] = json!(B256::repeat_byte(0xee));
                }
                answer
            }
            ("eth_getLogs", Lie::SlowLogs(pause)) => {
                tokio::time::sleep(pause).await;
                self.ask(&question).await
            }
            _ => self.ask(&question).await,
        }
    }

    async fn ask(&self, question: &Value) -> Value {
        let answer = self.http.post(&self.anvil).json(question).send().await;
        match answer {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }
}
