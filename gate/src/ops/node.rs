//! Watcher of the node: its address, its tunnel service and its availability.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::edge::{Upstream, UpstreamError};
use crate::enforce::NodeAnswers;
use crate::enforce::tunnel::{self, TunnelError};
use crate::refusal::Refusal;

const NODE_POLL_INTERVAL: Duration = Duration::from_secs(10);
/// Poll interval while the node is down: neither a joint start nor its return should wait.
const NODE_POLL_INTERVAL_WHILE_DOWN: Duration = Duration::from_secs(1);
/// Maximum age of a liveness result: peers are restored several at a time.
const LIVENESS_MAX_AGE: Duration = Duration::from_secs(1);

/// Known state of the node.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Address, once known.
    pub address: Option<NodeAddress>,
    /// Tunnel service, once known.
    pub service: Option<Service>,
    /// EvictionCause and start of an outage; `None` while it answers.
    pub down: Option<(String, SystemTime)>,
    /// Peers in its tunnel, if reported.
    pub peers: Option<u64>,
}

#[derive(Deserialize)]
struct InfoResponse {
    result: InfoResult,
}

#[derive(Deserialize)]
struct InfoResult {
    addr: String,
    service_type: String,
    #[serde(default)]
    peers: Option<u64>,
}

/// Info of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its address on the hub.
    pub address: NodeAddress,
    /// Its tunnel service.
    pub service: Service,
    /// Peers in its tunnel, if reported.
    pub peers: Option<u64>,
}

/// Polls the node and publishes its state.
pub struct NodeWatcher {
    upstream: Arc<Upstream>,
    state: watch::Sender<NodeState>,
}

impl NodeWatcher {
    /// Creates a watcher of the node behind `upstream`. `address` is the one known before a restart, so that its
    /// sessions on the hub are followed before it answers.
    pub fn new(upstream: Arc<Upstream>, address: Option<NodeAddress>) -> (Self, watch::Receiver<NodeState>) {
        let down = Some(("not asked yet".into(), SystemTime::now()));
        let unknown = NodeState { address, down, ..Default::default() };
        let (state, receiver) = watch::channel(unknown);
        (Self { upstream, state }, receiver)
    }

    /// Polls until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = query_node(&self.upstream) => answer,
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

/// Queries the node. `None`: it is up but rate-limited.
pub async fn query_node(upstream: &Upstream) -> Result<Option<NodeInfo>, String> {
    let (status, body) = match upstream.fetch_info().await {
        Ok(answer) => answer,
        // Another client on this machine exhausted the node's rate limit.
        Err(UpstreamError { refusal: Refusal::TooMany { .. }, .. }) => return Ok(None),
        Err(unanswered) => return Err(format!("{}: {unanswered}", upstream.node())),
    };
    if !status.is_success() {
        return Err(format!("GET / answers {status}"));
    }
    let info: InfoResponse = serde_json::from_slice(&body).map_err(|error| format!("GET /: {error}"))?;
    let address = info.result.addr.parse().map_err(|error| format!("GET /: addr: {error}"))?;
    let service =
        info.result.service_type.parse().map_err(|error| format!("GET /: service_type: {error}"))?;
    if !tunnel::is_supported(service) {
        return Err(TunnelError::Unsupported(service).to_string());
    }
    Ok(Some(NodeInfo { address, service, peers: info.result.peers }))
}

/// Returns a check whether the node answers now. A recent result is reused, since peers are restored several at a time.
pub fn liveness_check(upstream: Arc<Upstream>) -> NodeAnswers {
    let last: Arc<tokio::sync::Mutex<Option<(Instant, bool)>>> = Arc::default();
    Arc::new(move || {
        let (upstream, last) = (Arc::clone(&upstream), Arc::clone(&last));
        Box::pin(async move {
            let mut last = last.lock().await;
            if let Some((at, answered)) = *last
                && at.elapsed() < LIVENESS_MAX_AGE
            {
                return answered;
            }
            let answered = query_node(&upstream).await.is_ok();
            *last = Some((Instant::now(), answered));
            answered
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn error_names_node_and_cause() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why =
            query_node(&Upstream::new(format!("http://{closed}").parse().unwrap(), None)).await.unwrap_err();
        assert!(why.contains(&closed.to_string()) && why.contains("refused"), "{why}");
    }
}
