//! Observer of a reader's calls, for metrics.

use std::time::Duration;

/// Receives every JSON-RPC call. Must not block.
pub trait Observer: Send + Sync {
    /// A call ended. `outcome` is `ok`, `cancelled` (another provider was faster) or the kind of failure.
    fn call_ended(&self, provider: &str, method: &'static str, outcome: &'static str, took: Duration);

    /// A valid answer came from a block of this age.
    fn head_seen(&self, lag: Duration);
}

/// Ignores every call.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {
    fn call_ended(&self, _: &str, _: &'static str, _: &'static str, _: Duration) {}
    fn head_seen(&self, _: Duration) {}
}
