//! CPU time and percentiles.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// CPU time of this process.
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

/// Microseconds per item of `count` items.
pub(crate) fn micros_each(whole: Duration, count: usize) -> f64 {
    let count = u32::try_from(count).unwrap();
    (whole.as_secs_f64() * 1e6 / f64::from(count) * 10.0).round() / 10.0
}

/// Median, 99th percentile and maximum, in milliseconds.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        (times[rank - 1].as_secs_f64() * 1e4).round() / 10.0
    };
    json!({ "count": times.len(), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100) })
}

pub(crate) fn print_figures(name: &str, figures: &Value) {
    println!("{}", json!({ "name": name, "figures": figures }));
}
