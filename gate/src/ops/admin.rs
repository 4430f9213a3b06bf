//! Private address for the operator and monitoring: health, readiness, metrics, sessions and operator actions
//! ([`operator_actions`]).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use sentinel_proto::handshake::Service;
use serde::Serialize;
use serde_json::{Map, Value, json};
use service_runtime::admin::{self, Observed};

use super::health::{Health, NotReady};
use super::operator_actions;
use super::reload::ConfigReloader;
use crate::access::Tier;
use crate::admission::PROBE_TIER;
use crate::enforce::Enforcer;
use crate::store::clock::rfc3339;
use crate::store::{EvictionCause, SessionRecord, SessionState, Store};

/// State of the private address.
#[derive(Clone)]
pub struct AdminApi {
    /// Readiness.
    pub health: Arc<Health>,
    /// Metrics.
    pub metrics: PrometheusHandle,
    /// Sessions.
    pub store: Store,
    /// Executes operator actions.
    pub enforcer: Arc<Enforcer>,
    /// Reloads the configuration.
    pub reload: Arc<ConfigReloader>,
}

/// One admitted session.
#[derive(Serialize)]
struct SessionView {
    #[serde(rename = "session_id")]
    id: u64,
    account: String,
    wallet: Option<String>,
    vault: Option<String>,
    tier: String,
    plan: Option<u64>,
    service: String,
    peer_id: String,
    addresses: Vec<String>,
    admitted_at: String,
    expires_at: String,
    state: &'static str,
    /// Whether the node still has its peer.
    slot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

impl SessionView {
    fn of(record: &SessionRecord, store: &Store) -> Self {
        Self {
            id: record.session_id,
            account: record.account.to_string(),
            wallet: record.wallet.map(|wallet| wallet.to_checksum(None)),
            vault: record.vault.map(|vault| vault.to_checksum(None)),
            tier: record.tier.clone(),
            plan: record.plan,
            service: record.service.clone(),
            peer_id: record.peer_id.clone(),
            addresses: record.addresses.clone(),
            admitted_at: rfc3339(record.admitted_at),
            expires_at: rfc3339(record.expires_at),
            state: record.state.label(),
            slot: store.sessions().holds_peer_slot(record.session_id),
            cause: record.cause.map(EvictionCause::label),
        }
    }
}

impl AdminApi {
    /// Returns all routes.
    pub fn routes(self) -> Router {
        let own = Router::new()
            .route("/sessions", get(sessions))
            .merge(operator_actions::routes())
            .with_state(self.clone());
        admin::routes(Arc::new(self)).merge(own)
    }
}

impl Observed for AdminApi {
    type NotReady = NotReady;

    async fn not_ready(&self) -> Vec<NotReady> {
        self.health.not_ready().await
    }

    fn details(&self) -> Map<String, Value> {
        let slots = self.health.slots();
        Map::from_iter([("slots".to_owned(), json!(slots))])
    }

    fn metrics(&self) -> &PrometheusHandle {
        record_live_sessions(&self.store);
        self.health.slots().record_metrics();
        &self.metrics
    }
}

/// Live sessions are counted at each scrape, because a gauge that is updated by events drifts.
fn record_live_sessions(store: &Store) {
    let live: Vec<_> =
        store.sessions().list().into_iter().filter(|record| record.state == SessionState::Live).collect();
    for tier in [Tier::Free.name(), Tier::Paid.name(), PROBE_TIER] {
        for service in Service::ALL {
            let here = |record: &&Arc<SessionRecord>| record.tier == tier && record.service == service.name();
            let count = u32::try_from(live.iter().filter(here).count()).unwrap_or(u32::MAX);
            metrics::gauge!("sovereign_gate_live_sessions", "tier" => tier, "service" => service.name())
                .set(f64::from(count));
        }
    }
}

async fn sessions(State(admin): State<AdminApi>) -> Response {
    let records = admin.store.sessions().list();
    let sessions: Vec<SessionView> =
        records.iter().map(|record| SessionView::of(record, &admin.store)).collect();
    Json(json!({ "sessions": sessions })).into_response()
}
