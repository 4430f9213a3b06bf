//! What is measured does not pile up while nobody asks for it. A process of its own: its memory is looked at.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

const ROUNDS: u64 = 6;
/// 8 MB of 16 bytes each.
const VALUES: u64 = 500_000;
const MOST_KIB: u64 = 24 * 1024;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn values_that_nobody_asks_for_take_no_memory() {
    let handle = service_runtime::metrics::install(&[0.5]).unwrap();
    let before = resident_kib();
    for _ in 0..ROUNDS {
        for _ in 0..VALUES {
            metrics::histogram!("trial_seconds").record(0.25);
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < MOST_KIB, "{grown} KiB more");
    let rendered = handle.render();
    assert!(rendered.contains(&format!("trial_seconds_count {}", ROUNDS * VALUES)), "{rendered}");
}
