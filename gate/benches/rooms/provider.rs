//! A provider of Ethereum that is far away and sells so many calls a second. It answers so long after it was asked; the
//! local chain, which computes on the cores of the gate, does so within that time.

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

pub(crate) struct Provider {
    url: String,
    behind: Arc<Behind>,
}

struct Behind {
    chain: String,
    latency: Duration,
    /// Calls a second; none: any number.
    sold: Option<usize>,
    second: Mutex<(Instant, usize)>,
    calls: AtomicUsize,
    refused: AtomicUsize,
    http: reqwest::Client,
}

impl Provider {
    pub(crate) async fn before(chain: String, latency: Duration, sold: Option<usize>) -> Self {
        let behind = Arc::new(Behind {
            chain,
            latency,
            sold,
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

    /// Calls since the last question, and how many of them were refused.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        (take(&self.behind.calls), take(&self.behind.refused))
    }
}

async fn answer(State(behind): State<Arc<Behind>>, body: Bytes) -> Response {
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

impl Behind {
    async fn is_over(&self) -> bool {
        let Some(sold) = self.sold else { return false };
        let mut second = self.second.lock().await;
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 += 1;
        second.1 > sold
    }
}
