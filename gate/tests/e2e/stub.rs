//! A stub that stands in for the node: it records the gate's requests and behaves in ways in which the real node does
//! not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use alloy::primitives::Address;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sentinel_stack::actors::Caller;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// An HTTP server that stops when dropped.
#[derive(Debug)]
struct Served {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    async fn start(router: Router) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The info of the node at this URL, asked from a fresh address because of the node's rate limit.
pub(crate) async fn node_info(url: &str) -> Result<Vec<u8>> {
    let caller = Caller::anywhere()?;
    let address = Caller::fresh_address().to_string();
    let info = caller.send(caller.http().get(url).header("x-forwarded-for", address)).await?;
    info.result().context("the node tells nothing of itself")?;
    Ok(info.bytes)
}

/// A request that the stub has received.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The stub's answer to a handshake, with unusual white space.
pub(crate) const TAKEN: &str = concat!(
    " {\"success\" : true,\t\"result\":{\"addrs\":[\"127.0.0.1\"],",
    "\"data\":\"eyJhZGRycyI6WyIxMC4wLjAuMi8zMiJdfQ==\"},\"more\":\"\\u00e9\"}\n"
);

/// A node stub with the info of a real node; it accepts every handshake.
#[derive(Debug)]
pub(crate) struct StubNode {
    served: Served,
    state: Arc<NodeState>,
}

#[derive(Debug)]
struct NodeState {
    info: Bytes,
    seen: Mutex<Vec<Seen>>,
    /// Signalled when a request to `/slow` has arrived.
    slow_came: Notify,
    /// Signalled when that request may be answered.
    slow_may_end: Notify,
}

impl StubNode {
    /// Starts a stub with the info of the node at this URL.
    pub(crate) async fn like(url: &str) -> Result<Self> {
        let info = node_info(url).await?;
        let state = Arc::new(NodeState {
            info: info.into(),
            seen: Mutex::default(),
            slow_came: Notify::new(),
            slow_may_end: Notify::new(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        Ok(Self { served: Served::start(router).await?, state })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.served.address)
    }

    /// Requests to this path so far.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.state.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|seen| seen.uri.path() == path).cloned().collect()
    }

    /// Waits for a request to `/slow`.
    pub(crate) async fn slow_came(&self) {
        self.state.slow_came.notified().await;
    }

    /// Lets the request to `/slow` be answered.
    pub(crate) fn let_slow_end(&self) {
        self.state.slow_may_end.notify_one();
    }
}

async fn answer(State(state): State<Arc<NodeState>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let seen = Seen { method: parts.method.clone(), uri: parts.uri.clone(), headers: parts.headers, body };
    state.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let json = [("content-type", "application/json; charset=utf-8")];
    match (parts.method, parts.uri.path()) {
        (Method::GET, "/") => (json, state.info.clone()).into_response(),
        (Method::POST, "/") => (json, TAKEN).into_response(),
        (_, "/slow") => {
            state.slow_came.notify_one();
            state.slow_may_end.notified().await;
            "done".into_response()
        }
        _ => (StatusCode::NOT_FOUND, [("x-stub", "yes")], "nothing here").into_response(),
    }
}

/// An address as it appears in calldata, in lower-case hexadecimal.
pub(crate) fn word(address: Address) -> String {
    hex::encode(address)
}

/// A stub in front of an Ethereum provider: forwards all requests, and can substitute an address in them.
#[derive(Debug)]
pub(crate) struct StubProvider {
    served: Served,
    state: Arc<ProviderState>,
}

#[derive(Debug)]
struct ProviderState {
    caller: Caller,
    rpc: String,
    lie: Lie,
    asked: Mutex<Vec<String>>,
}

/// An address in the request and the one that replaces it, both in hexadecimal without prefix.
pub(crate) type Lie = Option<(String, String)>;

impl StubProvider {
    /// Starts a stub in front of `rpc`. With a substitution, its answers are those to another question.
    pub(crate) async fn before(rpc: &str, lie: Lie) -> Result<Self> {
        let (caller, rpc) = (Caller::anywhere()?, rpc.to_owned());
        let state = Arc::new(ProviderState { caller, rpc, lie, asked: Mutex::default() });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&state));
        Ok(Self { served: Served::start(router).await?, state })
    }

    /// Number of calls that contain one of these wallets.
    pub(crate) fn asked_about(&self, wallets: &[Address]) -> usize {
        let asked = self.state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let about = |question: &&String| wallets.iter().any(|wallet| question.contains(&word(*wallet)));
        asked.iter().filter(|question| question.contains("eth_call")).filter(about).count()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.served.address)
    }
}

async fn pass_on(State(state): State<Arc<ProviderState>>, question: String) -> Response {
    state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(question.to_lowercase());
    let lie = |(word, other): &(String, String)| question.replace(word, other);
    let question = state.lie.as_ref().map_or_else(|| question.clone(), lie);
    let Ok(answer) = state.caller.post_text(&state.rpc, question).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    ([("content-type", "application/json")], answer.bytes).into_response()
}
