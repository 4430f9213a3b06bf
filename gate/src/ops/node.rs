//! What the node says of itself: its address, its tunnel service, and that it is there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::edge::{Unanswered, Upstream};
use crate::enforce::tunnel::{self, TunnelError};
use crate::refusal::Refusal;

const EVERY: Duration = Duration::from_secs(10);
/// While the node has not been seen yet, a start of both together should not wait.
const EVERY_AT_FIRST: Duration = Duration::from_secs(1);

/// The node, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Its address, once it was told.
    pub address: Option<NodeAddress>,
    /// Its tunnel service, once it was told.
    pub service: Option<Service>,
    /// Why it does not answer, and since when; `None`: it does.
    pub down: Option<(String, SystemTime)>,
}

#[derive(Deserialize)]
struct Info {
    result: InfoResult,
}

#[derive(Deserialize)]
struct InfoResult {
    addr: String,
    service_type: String,
}

/// Asks the node again and again, and keeps what it said last.
pub struct NodeWatch {
    upstream: Arc<Upstream>,
    state: watch::Sender<NodeState>,
}

impl NodeWatch {
    /// A watch on the node behind `upstream`.
    pub fn new(upstream: Arc<Upstream>) -> (Self, watch::Receiver<NodeState>) {
        let unknown =
            NodeState { down: Some(("not asked yet".into(), SystemTime::now())), ..Default::default() };
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
            let pause = if self.state.borrow().address.is_some() { EVERY } else { EVERY_AT_FIRST };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn remember(&self, answer: Result<Option<(NodeAddress, Service)>, String>) {
        self.state.send_if_modified(|state| match answer {
            // Who it is must have been told once.
            Ok(None) => state.address.is_some() && state.down.take().is_some(),
            Ok(Some((address, service))) => {
                let changed = (state.address, state.service) != (Some(address), Some(service));
                let back = state.down.take().is_some();
                (state.address, state.service) = (Some(address), Some(service));
                if changed || back {
                    tracing::info!(%address, %service, "the node answers");
                }
                changed || back
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
pub async fn ask(upstream: &Upstream) -> Result<Option<(NodeAddress, Service)>, String> {
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
    Ok(Some((address, service)))
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
