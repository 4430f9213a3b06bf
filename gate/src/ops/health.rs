//! Readiness: every dependency of an admission, with the cause and start of its outage.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use crate::node::NodeState;
use crate::access::Access;
use crate::admission::{Admission, Sessions};
use crate::governance::Governance;
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

/// Dependencies of admissions, queried on demand.
pub struct Health {
    node: watch::Receiver<NodeState>,
    sessions: Arc<Sessions>,
    access: Arc<Access>,
    governance: Governance,
    admission: Arc<Admission>,
    started: SystemTime,
    store: Store,
    max_peers: u64,
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
    pub fn new(
        node: watch::Receiver<NodeState>,
        sessions: Arc<Sessions>,
        access: Arc<Access>,
        governance: Governance,
        admission: Arc<Admission>,
        store: Store,
    ) -> Self {
        let (started, max_peers) = (SystemTime::now(), DEFAULT_MAX_PEERS);
        Self { node, sessions, access, governance, admission, started, store, max_peers }
    }

    /// Sets the peer limit of the node.
    #[must_use]
    pub fn with_max_peers(self, max_peers: Option<u64>) -> Self {
        Self { max_peers: max_peers.unwrap_or(DEFAULT_MAX_PEERS), ..self }
    }

    /// Usage of the node's peer table.
    pub fn slots(&self) -> PeerSlots {
        PeerSlots {
            held: self.store.peer_slots_in_use() as u64,
            node_peers: self.node.borrow().peers,
            limit: self.max_peers,
        }
    }

    /// Returns the missing dependencies.
    pub async fn not_ready(&self) -> Vec<NotReady> {
        let trouble =
            self.store.write_outage().map(|trouble| NotReady::new("store", trouble.why, trouble.since));
        let mut not_ready: Vec<_> = trouble.into_iter().collect();
        if let Some((why, since)) = self.node.borrow().down.clone() {
            not_ready.push(NotReady::new("node", why, since));
        }
        let hub = self.sessions.health();
        not_ready.extend(hub.down.map(|why| NotReady::new("hub", why, hub.since)));
        let ungoverned = self.governance.problem();
        not_ready.extend(ungoverned.map(|why| NotReady::new("governance", why, self.started)));
        let standing = self.admission.standing_problem();
        not_ready.extend(standing.map(|(why, since)| NotReady::new("standing", why, since)));
        let ethereum = self.access.status().await.problems;
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
