//! The private HTTP address of every program: health, readiness, metrics.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// State of a program that the private address shows.
pub trait Observed: Send + Sync + 'static {
    /// A requirement of the program that is not met.
    type NotReady: Serialize + Send;

    /// Returns the requirements that are not met.
    fn not_ready(&self) -> impl Future<Output = Vec<Self::NotReady>> + Send;

    /// Returns further fields of `/ready`.
    fn details(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Returns the metrics.
    fn metrics(&self) -> &PrometheusHandle;
}

/// Creates the routes `/health`, `/ready` and `/metrics`.
pub fn routes<P: Observed>(program: Arc<P>) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "alive": true })) }))
        .route("/ready", get(ready::<P>))
        .route("/metrics", get(metrics::<P>))
        .with_state(program)
}

/// The private address cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl BindError {
    /// Returns a `map_err` closure for `address`.
    pub fn at(address: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { address, source }
    }
}

/// Binds the private address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(BindError::at(address))
}

/// Serves `routes` until `stop`.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) -> io::Result<()> {
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn ready<P: Observed>(State(program): State<Arc<P>>) -> Response {
    let not_ready = program.not_ready().await;
    let status = if not_ready.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = program.details();
    body.insert("not_ready".to_owned(), json!(not_ready));
    (status, Json(body)).into_response()
}

async fn metrics<P: Observed>(State(program): State<Arc<P>>) -> Response {
    let metrics = program.metrics();
    metrics.run_upkeep();
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, metrics.render()).into_response()
}
