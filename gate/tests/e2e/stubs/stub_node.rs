//! A stub that stands in for the node: it records the gate's requests and behaves in ways in which the real node does
//! not.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sentinel_stack::actors::Caller;
use tokio::sync::Notify;

use super::http_server::HttpServer;

/// The info of the node at this URL, asked from a fresh address because of the node's rate limit.
pub(crate) async fn fetch_node_info(url: &str) -> Result<Vec<u8>> {
    let caller = Caller::anywhere()?;
    let address = Caller::fresh_address().to_string();
    let info = caller.send(caller.http().get(url).header("x-forwarded-for", address)).await?;
    info.result().context("the node gives no info")?;
    Ok(info.bytes)
}

/// A request that the stub has received.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The stub's answer to a handshake, with unusual white space.
pub(crate) const STUB_HANDSHAKE_ANSWER: &str = concat!(
    " {\"success\" : true,\t\"result\":{\"addrs\":[\"127.0.0.1\"],",
    "\"data\":\"eyJhZGRycyI6WyIxMC4wLjAuMi8zMiJdfQ==\"},\"more\":\"\\u00e9\"}\n"
);

/// A node stub with the info of a real node; it accepts every handshake.
#[derive(Debug)]
pub(crate) struct StubNode {
    server: HttpServer,
    state: Arc<NodeState>,
}

#[derive(Debug)]
struct NodeState {
    info: Bytes,
    recorded: Mutex<Vec<RecordedRequest>>,
    /// Signalled when a request to `/slow` has arrived.
    slow_arrived: Notify,
    /// Signalled when that request may be answered.
    slow_released: Notify,
}

impl StubNode {
    /// Starts a stub with the info of the node at this URL.
    pub(crate) async fn with_info_of(url: &str) -> Result<Self> {
        let info = fetch_node_info(url).await?;
        let state = Arc::new(NodeState {
            info: info.into(),
            recorded: Mutex::default(),
            slow_arrived: Notify::new(),
            slow_released: Notify::new(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        Ok(Self { server: HttpServer::start(router).await?, state })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Requests to this path so far.
    pub(crate) fn requests_to(&self, path: &str) -> Vec<RecordedRequest> {
        let recorded = self.state.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.iter().filter(|recorded| recorded.uri.path() == path).cloned().collect()
    }

    /// Waits for a request to `/slow`.
    pub(crate) async fn wait_for_slow_request(&self) {
        self.state.slow_arrived.notified().await;
    }

    /// Lets the request to `/slow` be answered.
    pub(crate) fn release_slow_request(&self) {
        self.state.slow_released.notify_one();
    }
}

async fn answer(State(state): State<Arc<NodeState>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let recorded = RecordedRequest {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers,
        body,
    };
    state.recorded.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    let json = [("content-type", "application/json; charset=utf-8")];
    match (parts.method, parts.uri.path()) {
        (Method::GET, "/") => (json, state.info.clone()).into_response(),
        (Method::POST, "/") => (json, STUB_HANDSHAKE_ANSWER).into_response(),
        (_, "/slow") => {
            state.slow_arrived.notify_one();
            state.slow_released.notified().await;
            "done".into_response()
        }
        _ => (StatusCode::NOT_FOUND, [("x-stub", "yes")], "nothing here").into_response(),
    }
}
