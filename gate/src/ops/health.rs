//! Is everything there that an admission needs? Each part tells why it is not, and since when.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::sync::watch;

use super::node::NodeState;
use crate::access::Access;
use crate::admission::{Admission, Sessions};
use crate::governance::Governance;
use crate::store::Store;

/// Something that an admission needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// The part: `store`, `node`, `hub`, `ethereum`, `cards`, `contracts`, `governance`, `standing`.
    pub what: &'static str,
    /// Why, for a person.
    pub why: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl NotReady {
    fn new(what: &'static str, why: String, since: SystemTime) -> Self {
        Self { what, why, since: humantime::format_rfc3339_seconds(since).to_string() }
    }
}

/// What the stock node takes at most, and by default: `MaxQoSMaxPeers` in its `config/qos.go`.
const DEFAULT_MAX_PEERS: u64 = 250;

/// The parts, asked on demand.
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
pub struct Slots {
    /// Slots that sessions of this gate hold, evicted ones included whose peer the node has not removed.
    pub held: u64,
    /// Peers that the node counted when it was asked last; null: it did not say.
    pub node_peers: Option<u64>,
    /// Peers that the node takes.
    pub limit: u64,
}

impl Slots {
    /// As metrics.
    #[expect(clippy::cast_precision_loss, reason = "a node has hundreds of peers")]
    pub fn record(&self) {
        let peers = self.node_peers.unwrap_or(0).max(self.held);
        metrics::gauge!("sovereign_gate_node_peers").set(peers as f64);
        metrics::gauge!("sovereign_gate_node_peers_limit").set(self.limit as f64);
    }
}

impl Health {
    /// Readiness of these.
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

    /// The same for a node that takes so many peers.
    #[must_use]
    pub fn with_max_peers(self, max_peers: Option<u64>) -> Self {
        Self { max_peers: max_peers.unwrap_or(DEFAULT_MAX_PEERS), ..self }
    }

    /// How full the node's peer table is.
    pub fn slots(&self) -> Slots {
        Slots {
            held: self.store.slots_held() as u64,
            node_peers: self.node.borrow().peers,
            limit: self.max_peers,
        }
    }

    /// What is not ready now.
    pub async fn not_ready(&self) -> Vec<NotReady> {
        let trouble = self.store.trouble().map(|trouble| NotReady::new("store", trouble.why, trouble.since));
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
            ethereum
                .into_iter()
                .map(|problem| NotReady::new(problem.what, problem.why, before_now(problem.lasting))),
        );
        not_ready
    }
}

fn before_now(lasting: Duration) -> SystemTime {
    SystemTime::now().checked_sub(lasting).unwrap_or(SystemTime::UNIX_EPOCH)
}
