//! Watcher of the node: its address, its tunnel service and its availability.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sentinel_proto::address::NodeAddress;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{NodeInfo, NodeInfoSource, NodeState};

const NODE_POLL_INTERVAL: Duration = Duration::from_secs(10);
/// Poll interval while the node is down: neither a joint start nor its return should wait.
const NODE_POLL_INTERVAL_WHILE_DOWN: Duration = Duration::from_secs(1);

/// Polls the node and publishes its state.
pub struct NodeWatcher<S> {
    source: Arc<S>,
    state: watch::Sender<NodeState>,
}

impl<S: NodeInfoSource> NodeWatcher<S> {
    /// Creates a watcher of the node that `source` queries. `address` is the one known before a restart, so that its
    /// sessions on the hub are followed before it answers.
    pub fn new(source: Arc<S>, address: Option<NodeAddress>) -> (Self, watch::Receiver<NodeState>) {
        let down = Some(("not asked yet".into(), SystemTime::now()));
        let unknown = NodeState { address, down, ..Default::default() };
        let (state, receiver) = watch::channel(unknown);
        (Self { source, state }, receiver)
    }

    /// Polls until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.source.query_info() => answer,
            };
            metrics::gauge!("sovereign_gate_node_up").set(if answer.is_ok() { 1.0 } else { 0.0 });
            self.record(answer);
            let pause = if self.state.borrow().down.is_none() {
                NODE_POLL_INTERVAL
            } else {
                NODE_POLL_INTERVAL_WHILE_DOWN
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn record(&self, answer: Result<Option<NodeInfo>, String>) {
        self.state.send_if_modified(|state| match answer {
            // The identity of the node must have been read once.
            Ok(None) => state.service.is_some() && state.down.take().is_some(),
            Ok(Some(NodeInfo { address, service, peers })) => {
                let is_other = (state.address, state.service) != (Some(address), Some(service));
                let is_back = state.down.take().is_some();
                let peers_changed = state.peers != peers;
                (state.address, state.service, state.peers) = (Some(address), Some(service), peers);
                if is_other || is_back {
                    tracing::info!(%address, %service, "the node answers");
                }
                is_other || is_back || peers_changed
            }
            Err(why) => {
                let news = state.down.as_ref().is_none_or(|(before, _)| *before != why);
                if news {
                    tracing::warn!(why, "the node does not answer with its identity");
                    let since = state.down.as_ref().map_or_else(SystemTime::now, |(_, since)| *since);
                    state.down = Some((why, since));
                }
                news
            }
        });
    }
}
