//! A distant Ethereum provider with a limit of calls per second. It answers after a fixed latency; the local chain,
//! which runs on the same cores, answers within that time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

pub(crate) struct DistantProvider {
    url: String,
    behind: Arc<ProviderState>,
}

struct ProviderState {
    chain: String,
    latency: Duration,
    /// Calls per second; `None`: unlimited.
    calls_per_second: Option<usize>,
    second: Mutex<(Instant, usize)>,
    calls: AtomicUsize,
    refused: AtomicUsize,
    http: reqwest::Client,
}

impl DistantProvider {
    pub(crate) async fn start(chain: String, latency: Duration, sold: Option<usize>) -> Self {
        let behind = Arc::new(ProviderState {
            chain,
            latency,
            calls_per_second: sold,
            second: Mutex::new((Instant::now(), 0)),
            calls: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            http: reqwest::Client::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&behind));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, behind }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the calls since the previous call of this function, and how many were refused.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        (take(&self.behind.calls), take(&self.behind.refused))
    }
}

async fn answer(State(behind): State<Arc<ProviderState>>, body: Bytes) -> Response {
    behind.calls.fetch_add(1, Ordering::Relaxed);
    if behind.is_over().await {
        behind.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    let due = tokio::time::Instant::now() + behind.latency;
    let request = behind.http.post(&behind.chain).header(header::CONTENT_TYPE, "application/json").body(body);
    let answer = match request.send().await {
        Ok(response) => response.bytes().await.unwrap_or_default().into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    };
    tokio::time::sleep_until(due).await;
    answer
}

impl ProviderState {
    async fn is_over(&self) -> bool {
        let Some(sold) = self.calls_per_second else { return false };
        let mut second = self.second.lock().await;
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 += 1;
        second.1 > sold
    }
}
