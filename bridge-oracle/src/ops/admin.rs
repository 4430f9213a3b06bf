//! The private address: health, readiness, metrics. For the operator and his monitoring only.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::health::Health;

/// What the private address shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Readiness.
    pub health: Health,
    /// Metrics.
    pub metrics: PrometheusHandle,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/health", get(|| async { Json(json!({ "alive": true })) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn ready(State(admin): State<Admin>) -> Response {
    let not_ready = admin.health.not_ready();
    let status = if not_ready.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "not_ready": not_ready }))).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    admin.metrics.run_upkeep();
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, admin.metrics.render()).into_response()
}
