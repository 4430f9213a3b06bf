//! The recorder of a program's metrics.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// A histogram keeps each single value, 16 bytes, until they are counted into its buckets. Rendering does so too, but
/// nobody may ever ask.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Installs the recorder of this process, with these buckets for whatever is measured in seconds; the handle renders.
/// Within a runtime, which then keeps it small.
pub fn install(seconds: &[f64]) -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), seconds)?
        .install_recorder()?;
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(COUNT_EVERY).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}
