//! Where a reader tells what it does, so that its user can count.

use std::time::Duration;

/// Told about every JSON-RPC call. Must not block.
pub trait Observer: Send + Sync {
    /// A call ended. `outcome` is `ok`, `cancelled` (another provider was faster) or the kind of failure.
    fn call_ended(&self, provider: &str, method: &'static str, outcome: &'static str, took: Duration);

    /// An answer that counts came from a block so long ago.
    fn head_seen(&self, lag: Duration);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoopObserver;

impl Observer for NoopObserver {
    fn call_ended(&self, _: &str, _: &'static str, _: &'static str, _: Duration) {}
    fn head_seen(&self, _: Duration) {}
}
