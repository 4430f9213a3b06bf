//! Metrics: names and units, exported on the private address.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};

/// Histogram buckets: from a cache hit to the longest decision.
const DURATION_BUCKETS_SECS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

/// Installs the recorder and describes every metric; the handle renders them.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = service_runtime::metrics::install(DURATION_BUCKETS_SECS)?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(
        "sovereign_gate_admissions_total",
        "Handshakes by outcome (admitted, refused, error), reason and tier"
    );
    describe_histogram!(
        "sovereign_gate_handshake_seconds",
        Unit::Seconds,
        "Handshakes, the node's part included"
    );
    describe_histogram!("sovereign_gate_admission_seconds", Unit::Seconds, "Decisions by path (warm, cold)");
    describe_counter!("sovereign_gate_ethereum_calls_total", "Calls to Ethereum by method and outcome");
    describe_gauge!(
        "sovereign_gate_ethereum_head_lag_seconds",
        Unit::Seconds,
        "Age of the newest block read"
    );
    describe_gauge!("sovereign_gate_live_sessions", "Live sessions by tier and service");
    describe_counter!("sovereign_gate_evictions_total", "Peers taken out of the tunnel, by cause");
    describe_histogram!(
        "sovereign_gate_eviction_seconds",
        Unit::Seconds,
        "From the news to the peer that is out of the tunnel"
    );
    describe_counter!("sovereign_gate_signins_total", "Sign-ins by outcome and reason");
    describe_gauge!("sovereign_gate_node_peers", "Peers in the node's table, those evicted softly included");
    describe_gauge!("sovereign_gate_node_peers_limit", "Peers that the node's table takes");
    describe_gauge!("sovereign_gate_node_up", "1: the node behind the gate answers");
    describe_gauge!("sovereign_gate_hub_up", "1: the hub answers");
    describe_gauge!("sovereign_gate_standing_up", "1: standing of the node could be read");
    describe_gauge!("sovereign_gate_good_standing", "1: the node is in good standing");
}
