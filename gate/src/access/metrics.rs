//! Metrics of the calls to Ethereum.

use std::time::Duration;

use sovereign_contracts::reader::Observer;

/// Reports to the metrics recorder of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct EthereumMetrics;

impl Observer for EthereumMetrics {
    fn call_ended(&self, _: &str, method: &'static str, outcome: &'static str, _: Duration) {
        metrics::counter!("sovereign_gate_ethereum_calls_total", "method" => method, "outcome" => outcome)
            .increment(1);
    }

    fn head_seen(&self, lag: Duration) {
        metrics::gauge!("sovereign_gate_ethereum_head_lag_seconds").set(lag.as_secs_f64());
    }
}
