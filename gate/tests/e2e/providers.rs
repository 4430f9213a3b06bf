//! An Ethereum provider that misbehaves as told, in front of one that does not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sentinel_stack::actors::Caller;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the provider does with a question.
#[derive(Debug, Clone)]
pub(crate) enum Mood {
    /// Answers.
    Well,
    /// Answers so much later.
    Late(Duration),
    /// One byte of an answer a second.
    Drips,
    /// An answer without end.
    Endless,
    /// This status, with a page.
    Status(u16),
    /// This text, with status 200.
    Says(&'static str),
    /// This result, whatever the question.
    Results(Value),
    /// A JSON-RPC error.
    Refuses(i64, &'static str),
    /// The answer of another chain's provider.
    Elsewhere(String),
}

/// The provider.
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
}

impl Provider {
    /// In front of `rpc`.
    pub(crate) async fn before(rpc: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            caller: Caller::anywhere()?,
            rpc: rpc.to_owned(),
            mood: Mutex::new(Mood::Well),
            asked: AtomicUsize::new(0),
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

    /// How often it was asked anything.
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
    async fn pass_on(&self, rpc: &str, question: String) -> Response {
        match self.caller.post_text(rpc, question).await {
            Ok(answer) => ([("content-type", "application/json")], answer.bytes).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

/// The same bytes again and again.
fn dripping(pause: Duration, bytes: &'static [u8]) -> Response {
    let drops = futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(bytes)), ()))
    });
    Body::from_stream(drops).into_response()
}
