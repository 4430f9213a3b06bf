//! What the node says of itself: its address, its tunnel service, and that it is there.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::edge::{Unanswered, Upstream};
use crate::enforce::NodeAnswers;
use crate::enforce::tunnel::{self, TunnelError};
use crate::refusal::Refusal;

const EVERY: Duration = Duration::from_secs(10);
/// While it does not answer: neither a start of both together nor its return should wait.
const EVERY_WHILE_DOWN: Duration = Duration::from_secs(1);
/// An answer of the node counts so long for peers that are brought back together.
const ANSWER_VALID: Duration = Duration::from_secs(1);

/// The node, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Its address, once it was told.
    pub address: Option<NodeAddress>,
    /// Its tunnel service, once it was told.
    pub service: Option<Service>,
    /// Why it does not answer, and since when; `None`: it does.
    pub down: Option<(String, SystemTime)>,
    /// Peers in its tunnel, as it says.
    pub peers: Option<u64>,
}

#[derive(Deserialize)]
struct Info {
    result: InfoResult,
}

#[derive(Deserialize)]
struct InfoResult {
    addr: String,
    service_type: String,
    #[serde(default)]
    peers: Option<u64>,
}

/// What the node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its address on the hub.
    pub address: NodeAddress,
    /// Its tunnel service.
    pub service: Service,
    /// Peers in its tunnel, where it says so.
    pub peers: Option<u64>,
}

/// Asks the node again and again, and keeps what it said last.
pub struct NodeWatch {
    upstream: Arc<Upstream>,
    state: watch::Sender<NodeState>,
}

impl NodeWatch {
    /// A watch on the node behind `upstream`. `address`: what it said before a restart, so that its sessions on the hub
    /// are followed before it answers.
    pub fn new(upstream: Arc<Upstream>, address: Option<NodeAddress>) -> (Self, watch::Receiver<NodeState>) {
        let down = Some(("not asked yet".into(), SystemTime::now()));
        let unknown = NodeState { address, down, ..Default::default() };
        let (state, receiver) = watch::channel(unknown);
        (Self { upstream, state }, receiver)
    }

    /// Asks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = ask(&self.upstream) => answer,
            };
            metrics::gauge!("sovereign_gate_node_up").set(if answer.is_ok() { 1.0 } else { 0.0 });
            self.remember(answer);
            let pause = if self.state.borrow().down.is_none() { EVERY } else { EVERY_WHILE_DOWN };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn remember(&self, answer: Result<Option<NodeInfo>, String>) {
        self.state.send_if_modified(|state| match answer {
            // Which node it is must have been told once.
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
                    tracing::warn!(why, "the node does not tell who it is");
                    let since = state.down.as_ref().map_or_else(SystemTime::now, |(_, since)| *since);
                    state.down = Some((why, since));
                }
                news
            }
        });
    }
}

/// What the node says; `None` if it is there but says nothing now.
pub async fn ask(upstream: &Upstream) -> Result<Option<NodeInfo>, String> {
    let (status, body) = match upstream.info().await {
        Ok(answer) => answer,
        // Somebody else on this machine used up the node's patience with it.
        Err(Unanswered { refusal: Refusal::TooMany { .. }, .. }) => return Ok(None),
        Err(unanswered) => return Err(format!("{}: {unanswered}", upstream.node())),
    };
    if !status.is_success() {
        return Err(format!("GET / answers {status}"));
    }
    let info: Info = serde_json::from_slice(&body).map_err(|error| format!("GET /: {error}"))?;
    let address = info.result.addr.parse().map_err(|error| format!("GET /: addr: {error}"))?;
    let service =
        info.result.service_type.parse().map_err(|error| format!("GET /: service_type: {error}"))?;
    if !tunnel::is_supported(service) {
        return Err(TunnelError::Unsupported(service).to_string());
    }
    Ok(Some(NodeInfo { address, service, peers: info.result.peers }))
}

/// Asks whether the node answers now. What it said a moment ago counts, since peers come back several at a time.
pub fn answers(upstream: Arc<Upstream>) -> NodeAnswers {
    let last: Arc<tokio::sync::Mutex<Option<(Instant, bool)>>> = Arc::default();
    Arc::new(move || {
        let (upstream, last) = (Arc::clone(&upstream), Arc::clone(&last));
        Box::pin(async move {
            let mut last = last.lock().await;
            if let Some((at, answered)) = *last
                && at.elapsed() < ANSWER_VALID
            {
                return answered;
            }
            let answered = ask(&upstream).await.is_ok();
            *last = Some((Instant::now(), answered));
            answered
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_answer_is_named_with_the_cause() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why = ask(&Upstream::new(format!("http://{closed}").parse().unwrap(), None)).await.unwrap_err();
        assert!(why.contains(&closed.to_string()) && why.contains("refused"), "{why}");
    }
}
