//! Readiness: every dependency of an admission, with the cause and start of its outage.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use crate::access::Access;
use crate::admission::{Admission, Sessions};
use crate::governance::Governance;
use crate::node::NodeState;
use crate::store::Store;

/// A missing dependency of an admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// The part: `store`, `node`, `hub`, `ethereum`, `cards`, `contracts`, `governance`, `standing`.
    pub what: &'static str,
    /// Cause, human-readable.
    pub why: String,
    /// Start of the outage, RFC 3339.
    pub since: String,
}

impl NotReady {
    fn new(what: &'static str, why: String, since: SystemTime) -> Self {
        Self { what, why, since: humantime::format_rfc3339_seconds(since).to_string() }
    }
}

/// Peer limit of a stock node by default: `MaxQoSMaxPeers` in its `config/qos.go`.
const DEFAULT_MAX_PEERS: u64 = 250;

/// Components that [`Health`] queries.
pub struct HealthDeps {
    /// State of the node.
    pub node: watch::Receiver<NodeState>,
    /// Sessions on the hub.
    pub sessions: Arc<Sessions>,
    /// Ethereum and the cards.
    pub access: Arc<Access>,
    /// Governance.
    pub governance: Governance,
    /// Standing of the node, as admissions see it.
    pub admission: Arc<Admission>,
    /// Database.
    pub store: Store,
    /// Peer limit of the node; `None`: that of a stock node by default.
    pub max_peers: Option<u64>,
}

/// Dependencies of admissions, queried on demand.
pub struct Health {
    deps: HealthDeps,
    started: SystemTime,
}

/// The node's peer table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PeerSlots {
    /// Slots held by sessions of this gate, including evicted ones whose peer the node has not removed yet.
    pub held: u64,
    /// Peers in the latest info of the node; null if it did not report them.
    pub node_peers: Option<u64>,
    /// Peer limit of the node.
    pub limit: u64,
}

impl PeerSlots {
    /// Sets the metrics.
    #[expect(clippy::cast_precision_loss, reason = "a node has hundreds of peers")]
    pub fn record_metrics(&self) {
        let peers = self.node_peers.unwrap_or(0).max(self.held);
        metrics::gauge!("sovereign_gate_node_peers").set(peers as f64);
        metrics::gauge!("sovereign_gate_node_peers_limit").set(self.limit as f64);
    }
}

impl Health {
    /// Creates the readiness check of these components.
    pub fn new(deps: HealthDeps) -> Self {
        Self { deps, started: SystemTime::now() }
    }

    /// Usage of the node's peer table.
    pub fn slots(&self) -> PeerSlots {
        PeerSlots {
            held: self.deps.store.sessions().peer_slots_in_use() as u64,
            node_peers: self.deps.node.borrow().peers,
            limit: self.deps.max_peers.unwrap_or(DEFAULT_MAX_PEERS),
        }
    }

    /// Returns the missing dependencies.
    pub async fn not_ready(&self) -> Vec<NotReady> {
        let trouble =
            self.deps.store.write_outage().map(|trouble| NotReady::new("store", trouble.why, trouble.since));
        let mut not_ready: Vec<_> = trouble.into_iter().collect();
        if let Some((why, since)) = self.deps.node.borrow().down.clone() {
            not_ready.push(NotReady::new("node", why, since));
        }
        let hub = self.deps.sessions.health();
        not_ready.extend(hub.down.map(|why| NotReady::new("hub", why, hub.since)));
        let ungoverned = self.deps.governance.problem();
        not_ready.extend(ungoverned.map(|why| NotReady::new("governance", why, self.started)));
        let standing = self.deps.admission.standing_problem();
        not_ready.extend(standing.map(|(why, since)| NotReady::new("standing", why, since)));
        let ethereum = self.deps.access.status().await.problems;
        not_ready.extend(
            ethereum.into_iter().map(|problem| {
                NotReady::new(problem.part, problem.reason, time_before_now(problem.duration))
            }),
        );
        not_ready
    }
}

fn time_before_now(lasting: Duration) -> SystemTime {
    SystemTime::now().checked_sub(lasting).unwrap_or(SystemTime::UNIX_EPOCH)
}
