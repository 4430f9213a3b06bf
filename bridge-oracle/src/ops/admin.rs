//! The private HTTP address: health, readiness, metrics. For the operator's monitoring only.

use metrics_exporter_prometheus::PrometheusHandle;
use service_runtime::admin::Observed;

use super::health::{Health, NotReady};

/// State that the private address shows.
#[derive(Debug)]
pub struct AdminState {
    /// Readiness.
    pub health: Health,
    /// Metrics.
    pub metrics: PrometheusHandle,
}

impl Observed for AdminState {
    type NotReady = NotReady;

    async fn not_ready(&self) -> Vec<NotReady> {
        self.health.not_ready()
    }

    fn metrics(&self) -> &PrometheusHandle {
        &self.metrics
    }
}
