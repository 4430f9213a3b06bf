//! A proxy in front of an Ethereum provider that misbehaves as configured.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::Address;
use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use sentinel_stack::actors::Caller;
use serde_json::{Value, json};

use super::http_server::HttpServer;

/// Behaviour of the proxy.
#[derive(Debug, Clone)]
pub(crate) enum ProviderBehavior {
    /// Forwards the question.
    Forward,
    /// Forwards the question after a delay.
    Delay(Duration),
    /// Sends one byte of an answer a second.
    Drip,
    /// Sends an answer that never ends.
    Endless,
    /// Answers with this status and an HTML page.
    Status(u16),
    /// Answers with this text and status 200.
    Text(&'static str),
    /// Answers every question with this result.
    Result(Value),
    /// Answers with a JSON-RPC error.
    Error(i64, &'static str),
    /// Forwards the question with every occurrence of one address replaced by another, so that the answer is a lie.
    Substitute(Address, Address),
    /// Forwards the question to a provider of another chain.
    OtherChain(String),
}

/// The proxy; stops when dropped.
#[derive(Debug)]
pub(crate) struct FaultyProvider {
    server: HttpServer,
    state: Arc<ProviderState>,
}

#[derive(Debug)]
struct ProviderState {
    caller: Caller,
    rpc: String,
    behavior: Mutex<ProviderBehavior>,
    /// Requests so far, in lower case.
    requests: Mutex<Vec<String>>,
    /// An action to run before one of the next calls.
    pending_action: tokio::sync::Mutex<Option<PendingAction>>,
}

struct PendingAction {
    /// Addresses as in calldata; a call that contains one of them counts.
    addresses: Vec<String>,
    remaining_calls: usize,
    action: BoxFuture<'static, Result<()>>,
}

impl std::fmt::Debug for PendingAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingAction")
            .field("addresses", &self.addresses)
            .field("remaining_calls", &self.remaining_calls)
            .finish_non_exhaustive()
    }
}

impl FaultyProvider {
    /// Starts a proxy in front of `rpc`.
    pub(crate) async fn in_front_of(rpc: &str) -> Result<Self> {
        let state = Arc::new(ProviderState {
            caller: Caller::anywhere()?,
            rpc: rpc.to_owned(),
            behavior: Mutex::new(ProviderBehavior::Forward),
            requests: Mutex::default(),
            pending_action: tokio::sync::Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        Ok(Self { server: HttpServer::start(router).await?, state })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn set_behavior(&self, behavior: ProviderBehavior) {
        *self.state.behavior.lock().unwrap_or_else(PoisonError::into_inner) = behavior;
    }

    /// Runs `action` before the `nth` call from now on that contains any of these addresses is forwarded.
    pub(crate) async fn run_before_call(
        &self,
        nth: usize,
        addresses: &[Address],
        action: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        let addresses = addresses.iter().map(|address| calldata_word(*address)).collect();
        let action = PendingAction { addresses, remaining_calls: nth, action: Box::pin(action) };
        *self.state.pending_action.lock().await = Some(action);
    }

    /// Whether that action has not run yet.
    pub(crate) async fn has_pending_action(&self) -> bool {
        self.state.pending_action.lock().await.is_some()
    }

    /// Number of requests so far.
    pub(crate) fn request_count(&self) -> usize {
        self.state.requests().len()
    }

    /// Number of calls that contain one of these wallets.
    pub(crate) fn calls_about(&self, wallets: &[Address]) -> usize {
        let requests = self.state.requests();
        let is_about =
            |request: &&String| wallets.iter().any(|wallet| request.contains(&calldata_word(*wallet)));
        requests.iter().filter(|request| request.contains("eth_call")).filter(is_about).count()
    }
}

/// An address as it appears in calldata, in lower-case hexadecimal.
fn calldata_word(address: Address) -> String {
    hex::encode(address)
}

async fn answer(State(state): State<Arc<ProviderState>>, request: String) -> Response {
    state.requests().push(request.to_lowercase());
    if let Err(error) = state.run_pending_action(&request).await {
        eprintln!("the action before a call failed: {error:#}");
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let behavior = state.behavior.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let id = serde_json::from_str::<Value>(&request).map(|request| request["id"].clone()).unwrap_or_default();
    let answer = |key: &str, value: Value| axum::Json(json!({ "jsonrpc": "2.0", "id": id, key: value }));
    match behavior {
        ProviderBehavior::Forward => state.forward(&state.rpc, request).await,
        ProviderBehavior::OtherChain(rpc) => state.forward(&rpc, request).await,
        ProviderBehavior::Substitute(asked, answered) => {
            let request = request.replace(&calldata_word(asked), &calldata_word(answered));
            state.forward(&state.rpc, request).await
        }
        ProviderBehavior::Delay(time) => {
            tokio::time::sleep(time).await;
            state.forward(&state.rpc, request).await
        }
        ProviderBehavior::Drip => endless_body(Duration::from_secs(1), b"{"),
        ProviderBehavior::Endless => endless_body(Duration::ZERO, &[b' '; 0x2000]),
        ProviderBehavior::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "<html>so sorry</html>").into_response()
        }
        ProviderBehavior::Text(text) => text.into_response(),
        ProviderBehavior::Result(result) => answer("result", result).into_response(),
        ProviderBehavior::Error(code, message) => {
            answer("error", json!({ "code": code, "message": message })).into_response()
        }
    }
}

impl ProviderState {
    fn requests(&self) -> MutexGuard<'_, Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts down for a call of the pending action and runs it when due; other calls wait for it.
    async fn run_pending_action(&self, request: &str) -> Result<()> {
        let mut slot = self.pending_action.lock().await;
        let Some(pending) = slot.as_mut() else { return Ok(()) };
        let is_about =
            request.contains("eth_call") && pending.addresses.iter().any(|word| request.contains(word));
        pending.remaining_calls -= usize::from(is_about);
        if pending.remaining_calls > 0 {
            return Ok(());
        }
        match slot.take() {
            Some(pending) => pending.action.await,
            None => Ok(()),
        }
    }

    async fn forward(&self, rpc: &str, request: String) -> Response {
        match self.caller.post_text(rpc, request).await {
            Ok(answer) => ([("content-type", "application/json")], answer.bytes).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

/// A body that repeats these bytes without end.
fn endless_body(pause: Duration, bytes: &'static [u8]) -> Response {
    let chunks = futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(bytes)), ()))
    });
    Body::from_stream(chunks).into_response()
}
