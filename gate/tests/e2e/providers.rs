//! A proxy in front of an Ethereum provider that misbehaves as configured.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
use tokio::net::TcpListener;

use crate::stub::word;

/// Behaviour of the proxy.
#[derive(Debug, Clone)]
pub(crate) enum Mood {
    /// Forwards the question.
    Well,
    /// Forwards the question after a delay.
    Late(Duration),
    /// Sends one byte of an answer a second.
    Drips,
    /// Sends an answer that never ends.
    Endless,
    /// Answers with this status and an HTML page.
    Status(u16),
    /// Answers with this text and status 200.
    Says(&'static str),
    /// Answers every question with this result.
    Results(Value),
    /// Answers with a JSON-RPC error.
    Refuses(i64, &'static str),
    /// Forwards the question to a provider of another chain.
    Elsewhere(String),
}

/// The proxy; stops when dropped.
#[derive(Debug)]
pub(crate) struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    caller: Caller,
    rpc: String,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
    /// An action to run before one of the next calls.
    event: tokio::sync::Mutex<Option<Event>>,
}

struct Event {
    about: Vec<String>,
    calls: usize,
    happens: BoxFuture<'static, Result<()>>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("about", &self.about)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Starts a proxy in front of `rpc`.
    pub(crate) async fn before(rpc: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            caller: Caller::anywhere()?,
            rpc: rpc.to_owned(),
            mood: Mutex::new(Mood::Well),
            asked: AtomicUsize::new(0),
            event: tokio::sync::Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Runs `action` before the `nth` call from now on that contains any of these addresses is forwarded.
    pub(crate) async fn before_call(
        &self,
        nth: usize,
        about: &[Address],
        happens: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        let about = about.iter().map(|address| word(*address)).collect();
        *self.shared.event.lock().await = Some(Event { about, calls: nth, happens: Box::pin(happens) });
    }

    /// Whether that action has not run yet.
    pub(crate) async fn waits(&self) -> bool {
        self.shared.event.lock().await.is_some()
    }

    /// Number of requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, question: String) -> Response {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    if let Err(error) = shared.let_it_happen(&question).await {
        eprintln!("before a call: {error:#}");
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mood = shared.mood.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let id =
        serde_json::from_str::<Value>(&question).map(|question| question["id"].clone()).unwrap_or_default();
    let answer = |key: &str, value: Value| axum::Json(json!({ "jsonrpc": "2.0", "id": id, key: value }));
    match mood {
        Mood::Well => shared.pass_on(&shared.rpc, question).await,
        Mood::Elsewhere(rpc) => shared.pass_on(&rpc, question).await,
        Mood::Late(time) => {
            tokio::time::sleep(time).await;
            shared.pass_on(&shared.rpc, question).await
        }
        Mood::Drips => dripping(Duration::from_secs(1), b"{"),
        Mood::Endless => dripping(Duration::ZERO, &[b' '; 0x2000]),
        Mood::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "<html>so sorry</html>").into_response()
        }
        Mood::Says(text) => text.into_response(),
        Mood::Results(result) => answer("result", result).into_response(),
        Mood::Refuses(code, message) => {
            answer("error", json!({ "code": code, "message": message })).into_response()
        }
    }
}

impl Shared {
    /// Other calls wait for the action.
    async fn let_it_happen(&self, question: &str) -> Result<()> {
        let mut waiting = self.event.lock().await;
        let Some(event) = waiting.as_mut() else { return Ok(()) };
        let is_about =
            question.contains("eth_call") && event.about.iter().any(|word| question.contains(word));
        event.calls -= usize::from(is_about);
        if event.calls > 0 {
            return Ok(());
        }
        match waiting.take() {
            Some(event) => event.happens.await,
            None => Ok(()),
        }
    }

    async fn pass_on(&self, rpc: &str, question: String) -> Response {
        match self.caller.post_text(rpc, question).await {
            Ok(answer) => ([("content-type", "application/json")], answer.bytes).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

/// A body that repeats these bytes without end.
fn dripping(pause: Duration, bytes: &'static [u8]) -> Response {
    let drops = futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(bytes)), ()))
    });
    Body::from_stream(drops).into_response()
}
