//! The node behind this gate: its known state and the watcher that polls it.
//!
//! A leaf module: the HTTP client of the node implements [`NodeInfoSource`].

mod liveness;
mod state;
mod watcher;

pub use self::liveness::liveness_check;
pub use self::state::{NodeInfo, NodeState};
pub use self::watcher::NodeWatcher;

/// Source of the node's info.
pub trait NodeInfoSource: Send + Sync + 'static {
    /// Queries the node. `None`: it is up but rate-limited. The error names the node and the cause.
    fn query_info(&self) -> impl Future<Output = Result<Option<NodeInfo>, String>> + Send;
}
