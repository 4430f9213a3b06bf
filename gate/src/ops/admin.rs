//! The private address: health, readiness, metrics, sessions, and the operator's deeds ([`deeds`]). For the operator
//! and his monitoring only.

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

use super::deeds;
use super::health::{Health, NotReady};
use super::reload::Reload;
use crate::access::Tier;
use crate::admission::PROBE;
use crate::enforce::Enforcer;
use crate::store::clock::rfc3339;
use crate::store::{Cause, SessionRecord, SessionState, Store};

/// What the private address shows.
#[derive(Clone)]
pub struct Admin {
    /// Readiness.
    pub health: Arc<Health>,
    /// Metrics.
    pub metrics: PrometheusHandle,
    /// Sessions.
    pub store: Store,
    /// What happens to them.
    pub enforcer: Arc<Enforcer>,
    /// Reads the configuration again.
    pub reload: Arc<Reload>,
}

/// One admitted session.
#[derive(Serialize)]
struct Session {
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

impl Session {
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
            slot: store.holds_slot(record.session_id),
            cause: record.cause.map(Cause::label),
        }
    }
}

impl Admin {
    /// All that is served there.
    pub fn routes(self) -> Router {
        let own =
            Router::new().route("/sessions", get(sessions)).merge(deeds::routes()).with_state(self.clone());
        admin::routes(Arc::new(self)).merge(own)
    }
}

impl Observed for Admin {
    type NotReady = NotReady;

    async fn not_ready(&self) -> Vec<NotReady> {
        self.health.not_ready().await
    }

    fn details(&self) -> Map<String, Value> {
        let slots = self.health.slots();
        Map::from_iter([("slots".to_owned(), json!(slots))])
    }

    fn metrics(&self) -> &PrometheusHandle {
        count_live(&self.store);
        self.health.slots().record();
        &self.metrics
    }
}

/// Live sessions are counted when somebody asks: a gauge that is kept up by hand drifts.
fn count_live(store: &Store) {
    let live: Vec<_> =
        store.list_sessions().into_iter().filter(|record| record.state == SessionState::Live).collect();
    for tier in [Tier::Free.name(), Tier::Paid.name(), PROBE] {
        for service in Service::ALL {
            let here = |record: &&Arc<SessionRecord>| record.tier == tier && record.service == service.name();
            let count = u32::try_from(live.iter().filter(here).count()).unwrap_or(u32::MAX);
            metrics::gauge!("sovereign_gate_live_sessions", "tier" => tier, "service" => service.name())
                .set(f64::from(count));
        }
    }
}

async fn sessions(State(admin): State<Admin>) -> Response {
    let records = admin.store.list_sessions();
    let sessions: Vec<Session> = records.iter().map(|record| Session::of(record, &admin.store)).collect();
    Json(json!({ "sessions": sessions })).into_response()
}
