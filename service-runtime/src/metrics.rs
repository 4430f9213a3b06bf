//! Metrics recorder of a program.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Interval between upkeeps. A histogram keeps every value, 16 bytes, until an upkeep counts it into its buckets;
/// rendering does so too, but may never happen.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Installs the recorder of this process, with the buckets `seconds` for every histogram in seconds, and returns the
/// handle that renders it. Must be called within a Tokio runtime, which runs the upkeep.
pub fn install(seconds: &[f64]) -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), seconds)?
        .install_recorder()?;
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}
