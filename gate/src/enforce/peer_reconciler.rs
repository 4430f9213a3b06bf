//! Compares the session records with the peers in the tunnel, at the start and periodically, and repairs differences,
//! for example after a restart of the node.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sovereign_tunnel::{Peer, Presence, RestoreOutcome, TunnelPeer};

use super::EnforcerDeps;
use super::evictor::Evictor;
use super::intent_resolver::IntentResolver;
use crate::admission::{Admission, Sessions};
use crate::config::ForeignPeers;
use crate::store::clock::{Clock, UnixTime};
use crate::store::{EvictionCause, SessionRecord, SessionState, Store};

const RECONCILE_INTERVAL: Duration = Duration::from_secs(5);
/// Maximum time until the stock node has checked whether a cancelled session is still active: five minutes by default,
/// plus the time of the check.
const NODE_VALIDATION_INTERVAL: Duration = Duration::from_secs(360);

/// Differences between the records and the tunnel.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Sessions recorded as evicted whose packets pass.
    passing: Vec<u64>,
    /// Sessions recorded as live whose peers the node has lost.
    lost: Vec<u64>,
    /// Sessions recorded as live whose peers are blocked.
    shut: Vec<u64>,
}

/// Keeps session records and peers in agreement.
pub(super) struct PeerReconciler {
    store: Store,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    foreign_peers: ForeignPeers,
    intents: Arc<IntentResolver>,
}

impl PeerReconciler {
    pub(super) fn new(deps: &EnforcerDeps, intents: Arc<IntentResolver>) -> Self {
        Self {
            store: deps.store.clone(),
            admission: Arc::clone(&deps.admission),
            sessions: Arc::clone(&deps.sessions),
            evictor: Arc::clone(&deps.evictor),
            clock: Arc::clone(&deps.clock),
            foreign_peers: deps.foreign_peers,
            intents,
        }
    }

    /// Reconciles periodically. Never returns.
    pub(super) async fn run(&self) {
        let mut strange = BTreeSet::new();
        let mut failing = false;
        loop {
            match self.reconcile(&strange).await {
                Ok(seen) => (strange, failing) = (seen, false),
                Err(error) if !failing => {
                    tracing::warn!(%error, "cannot compare the sessions with the tunnel");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(RECONCILE_INTERVAL).await;
        }
    }

    /// Compares once. Blocks unknown peers that are already in `strange`; returns the unknown peers seen now.
    async fn reconcile(
        &self,
        strange: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, sovereign_tunnel::TunnelError> {
        // Records are read first: a recorded peer was in the tunnel before.
        let records = self.store.sessions().list();
        let present = self.evictor.present().await?;
        self.intents.resolve(&present).await;
        let mut differences = compare(&records, &present);
        self.release_slots(&records, &present);
        let renewed = self.evictor.restarted_since().await?;
        if let Some(age) = renewed.filter(|_| !present.all) {
            differences.lost.extend(admitted_before(&records, self.clock.unix(), age));
        }
        if !differences.passing.is_empty() {
            tracing::warn!(sessions = ?differences.passing, "evicted peers are in the tunnel again");
            self.evictor.block_evicted(&differences.passing).await;
        }
        if !differences.lost.is_empty() {
            tracing::info!(sessions = ?differences.lost, "the node has forgotten the peers of sessions");
            self.evictor.evict(&differences.lost, EvictionCause::Lost, Instant::now()).await;
            for session in &differences.lost {
                self.store.sessions().release_peer_slot(*session);
            }
        }
        for id in differences.shut {
            self.restore_blocked(id).await;
        }
        match self.foreign_peers {
            ForeignPeers::ShutOut => Ok(self.block_unknown_peers(&present.peers, strange).await),
            ForeignPeers::Keep => Ok(BTreeSet::new()),
        }
    }

    /// Frees the slots of evicted sessions whose peers the node has removed. With a service that does not list all its
    /// peers, a cancelled or lost session keeps its slot until the node has checked its sessions again.
    fn release_slots(&self, records: &[Arc<SessionRecord>], present: &Presence) {
        let there: BTreeSet<&str> = present.peers.iter().map(|peer| peer.peer_id.as_str()).collect();
        let latest = self.clock.unix().saturating_sub_unsigned(NODE_VALIDATION_INTERVAL.as_secs());
        for record in records.iter().filter(|record| !record.is_live()) {
            let is_removed = if present.all && present.names_evicted {
                !there.contains(record.peer_id.as_str())
            } else {
                let is_over = matches!(record.cause, Some(EvictionCause::Cancelled | EvictionCause::Lost));
                is_over && record.evicted_at.is_some_and(|at| at <= latest)
            };
            if is_removed {
                self.store.sessions().release_peer_slot(record.session_id);
            }
        }
    }

    /// Restores the blocked peer of a live session: the process ended between an eviction and its record, or another
    /// program blocked the peer.
    async fn restore_blocked(&self, session: u64) {
        let Some(record) =
            self.store.sessions().get(session).filter(|record| record.state == SessionState::Live)
        else {
            return;
        };
        match self.evictor.restore(&record, (*record).clone(), || true).await {
            Ok(RestoreOutcome::Passing) => {}
            Ok(RestoreOutcome::NotThere) => drop(self.evictor.mark_lost(session).await),
            // The node still has the peer, so the session keeps its slot.
            Ok(RestoreOutcome::AddressTaken) => {
                self.evictor.evict(&[session], EvictionCause::Lost, Instant::now()).await;
            }
            Err(error) => tracing::warn!(%error, session, "a peer cannot be let back now"),
        }
    }

    /// Blocks peers that belong to no session of this gate: the gate ended, or its disk failed, between the node's
    /// answer and the record. A probe may have connected another way, and stays.
    async fn block_unknown_peers(
        &self,
        present: &[TunnelPeer],
        before: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let unknown: Vec<&TunnelPeer> =
            present.iter().filter(|peer| peer.passing && !self.is_known(peer)).collect();
        let seen: BTreeSet<String> = unknown.iter().map(|peer| peer.peer_id.clone()).collect();
        // Between two runs a handshake in progress gets its record, and the sessions of probes become known.
        let strangers: Vec<Peer> = unknown
            .iter()
            .filter(|peer| before.contains(&peer.peer_id))
            .map(|present| Peer {
                session_id: 0,
                peer_id: present.peer_id.clone(),
                addresses: present.addresses.clone(),
            })
            .collect();
        if strangers.is_empty() || !self.sessions.is_complete() || self.probes_without_record() {
            return seen;
        }
        match self.evictor.block_unknown(&strangers).await {
            Ok(()) => {
                tracing::warn!(peers = strangers.len(), "peers without a session of this gate were shut out");
                metrics::counter!("sovereign_gate_evictions_total", "cause" => "unknown")
                    .increment(strangers.len() as u64);
            }
            Err(error) => tracing::warn!(%error, "peers without a session cannot be shut out"),
        }
        seen
    }

    /// Whether a record or a handshake in progress has this peer.
    fn is_known(&self, present: &TunnelPeer) -> bool {
        self.store.sessions().is_peer_in_use(&present.peer_id)
    }

    fn probes_without_record(&self) -> bool {
        let policy = self.admission.policy();
        let probes: Vec<_> = policy.probes().copied().collect();
        let sessions = self.sessions.active_of_accounts(&probes);
        sessions.into_iter().any(|session| self.store.sessions().get(session).is_none())
    }
}

/// Compares records with peers. With a service that does not list all its peers, a missing peer means nothing.
fn compare(records: &[Arc<SessionRecord>], Presence { peers, all, .. }: &Presence) -> Differences {
    let present: HashMap<&str, bool> =
        peers.iter().map(|peer| (peer.peer_id.as_str(), peer.passing)).collect();
    let mut differences = Differences::default();
    for record in records {
        let passing = present.get(record.peer_id.as_str()).copied();
        let list = match (record.state, passing) {
            (SessionState::Evicted, Some(true)) => &mut differences.passing,
            (SessionState::Live, Some(false)) => &mut differences.shut,
            (SessionState::Live, None) if *all => &mut differences.lost,
            _ => continue,
        };
        list.push(record.session_id);
    }
    differences
}

/// Live sessions that were admitted before the service started, `age` ago: it has lost their peers.
fn admitted_before(records: &[Arc<SessionRecord>], now: UnixTime, age: Duration) -> Vec<u64> {
    // Both times are whole seconds.
    let begun = now.saturating_sub_unsigned(age.as_secs()) - 2;
    let lost =
        records.iter().filter(|record| record.state == SessionState::Live && record.admitted_at < begun);
    lost.map(|record| record.session_id).collect()
}
