//! A provider between the gate and the chain: a hook sees each `eth_call` before it is forwarded.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use sovereign_contracts::dev::DevChain;

/// Returns the body to forward, or `None` to answer 502.
type Hook = dyn Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync;

struct Proxy {
    url: String,
    http: reqwest::Client,
    hook: Box<Hook>,
}

/// URL of the chain behind `hook`.
pub(crate) async fn start(
    chain: &DevChain,
    hook: impl Fn(String) -> BoxFuture<'static, Option<String>> + Send + Sync + 'static,
) -> DevChain {
    let proxy = Proxy { url: chain.url().to_owned(), http: reqwest::Client::new(), hook: Box::new(hook) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(forward).with_state(Arc::new(proxy));
    tokio::spawn(async move { axum::serve(listener, router).await });
    DevChain::new(url)
}

async fn forward(State(proxy): State<Arc<Proxy>>, body: String) -> Response {
    let body = if body.contains("eth_call") { (proxy.hook)(body).await } else { Some(body) };
    let Some(body) = body else { return StatusCode::BAD_GATEWAY.into_response() };
    let sent = proxy.http.post(&proxy.url).header("content-type", "application/json").body(body).send();
    match sent.await {
        Ok(answer) => ([("content-type", "application/json")], answer.bytes().await.unwrap()).into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
