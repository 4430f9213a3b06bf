//! Records against what is really in the tunnel: after a restart of the gate, of the node, of both, and now and then.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tunnel::{Peer, Presence, Present, Restored};
use super::{Enforcer, peer};
use crate::config::ForeignPeers;
use crate::store::clock::UnixTime;
use crate::store::{Cause, SessionRecord, SessionState};

const EVERY: Duration = Duration::from_secs(5);
/// After this the stock node has looked whether a cancelled session is still active: five minutes by default, and some
/// for the look itself.
const NODE_VALIDATION_INTERVAL: Duration = Duration::from_secs(360);

/// Differences between the records and the tunnel.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Written as out, and their packets pass.
    passing: Vec<u64>,
    /// Written as in, and the node has forgotten them.
    lost: Vec<u64>,
    /// Written as in, and shut out.
    shut: Vec<u64>,
}

impl Enforcer {
    pub(super) async fn reconcile_for_ever(&self) {
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
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Compares once. Peers that belong to nobody are shut out when they were in `strange` before; those seen now
    /// are returned.
    async fn reconcile(
        &self,
        strange: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, super::tunnel::TunnelError> {
        // The records first: what is recorded was in the tunnel before.
        let records = self.store.list_sessions();
        let present = self.evictor.present().await?;
        self.settle(&present).await;
        let mut differences = compare(&records, &present);
        self.release_slots(&records, &present);
        let renewed = self.evictor.renewed().await?;
        if let Some(age) = renewed.filter(|_| !present.all) {
            differences.lost.extend(admitted_before(&records, self.clock.unix(), age));
        }
        if !differences.passing.is_empty() {
            tracing::warn!(sessions = ?differences.passing, "evicted peers are in the tunnel again");
            self.evictor.repeat(&differences.passing).await;
        }
        if !differences.lost.is_empty() {
            tracing::info!(sessions = ?differences.lost, "the node has forgotten the peers of sessions");
            self.evictor.evict(&differences.lost, Cause::Lost, Instant::now()).await;
            for session in &differences.lost {
                self.store.release_slot(*session);
            }
        }
        for id in differences.shut {
            self.open(id).await;
        }
        match self.foreign_peers {
            ForeignPeers::ShutOut => Ok(self.shut_out_strangers(&present.peers, strange).await),
            ForeignPeers::Keep => Ok(BTreeSet::new()),
        }
    }

    /// Frees the slots of evicted sessions whose peers the node has removed. A service that does not name all its peers
    /// does not show that: then a cancelled or lost session counts until the node has looked at its sessions again.
    fn release_slots(&self, records: &[Arc<SessionRecord>], present: &Presence) {
        let there: BTreeSet<&str> = present.peers.iter().map(|peer| peer.peer_id.as_str()).collect();
        let latest = self.clock.unix().saturating_sub_unsigned(NODE_VALIDATION_INTERVAL.as_secs());
        for record in records.iter().filter(|record| !record.is_live()) {
            let is_removed = if present.all && present.names_evicted {
                !there.contains(record.peer_id.as_str())
            } else {
                let is_over = matches!(record.cause, Some(Cause::Cancelled | Cause::Lost));
                is_over && record.evicted_at.is_some_and(|at| at <= latest)
            };
            if is_removed {
                self.store.release_slot(record.session_id);
            }
        }
    }

    /// A live session whose peer is shut out: the end of this process came between letting it back and noting so,
    /// or somebody else shut it out.
    async fn open(&self, session: u64) {
        let Some(record) = self.store.session(session).filter(|record| record.state == SessionState::Live)
        else {
            return;
        };
        match self.evictor.let_back(&record, (*record).clone(), || true).await {
            Ok(Restored::Passing) => {}
            Ok(Restored::NotThere) => drop(self.evictor.lose(session).await),
            // The peer is still the node's, so it keeps its slot.
            Ok(Restored::AddressTaken) => {
                self.evictor.evict(&[session], Cause::Lost, Instant::now()).await;
            }
            Err(error) => tracing::warn!(%error, session, "a peer cannot be let back now"),
        }
    }

    /// Shuts out peers that no session of ours stands behind: the gate ended, or its disk refused, between the
    /// node's answer and the record. A probe may have come by another way, and stays.
    async fn shut_out_strangers(&self, present: &[Present], before: &BTreeSet<String>) -> BTreeSet<String> {
        let unknown: Vec<&Present> =
            present.iter().filter(|peer| peer.passing && !self.is_known(peer)).collect();
        let seen: BTreeSet<String> = unknown.iter().map(|peer| peer.peer_id.clone()).collect();
        // Between two looks a handshake under way has got its record, and who is of a probe is known.
        let strangers: Vec<Peer> = unknown
            .iter()
            .filter(|peer| before.contains(&peer.peer_id))
            .map(|present| Peer {
                session_id: 0,
                peer_id: present.peer_id.clone(),
                addresses: present.addresses.clone(),
            })
            .collect();
        if strangers.is_empty() || !self.sessions.are_known() || self.probes_without_record() {
            return seen;
        }
        match self.evictor.shut_out_unknown(&strangers).await {
            Ok(()) => {
                tracing::warn!(peers = strangers.len(), "peers without a session of this gate were shut out");
                metrics::counter!("sovereign_gate_evictions_total", "cause" => "unknown")
                    .increment(strangers.len() as u64);
            }
            Err(error) => tracing::warn!(%error, "peers without a session cannot be shut out"),
        }
        seen
    }

    /// Whether a record or a handshake under way stands behind it.
    fn is_known(&self, present: &Present) -> bool {
        self.store.is_peer_used(&present.peer_id)
    }

    fn probes_without_record(&self) -> bool {
        let policy = self.admission.policy();
        let probes: Vec<_> = policy.probes().copied().collect();
        let sessions = self.sessions.of_accounts(&probes);
        sessions.into_iter().any(|session| self.store.session(session).is_none())
    }
}

/// What differs. A service that does not tell all its peers says nothing by leaving one out.
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

/// Live sessions that were admitted before the service was started, `age` ago: it does not know them any more.
fn admitted_before(records: &[Arc<SessionRecord>], now: UnixTime, age: Duration) -> Vec<u64> {
    // Both times are whole seconds.
    let begun = now.saturating_sub_unsigned(age.as_secs()) - 2;
    let lost =
        records.iter().filter(|record| record.state == SessionState::Live && record.admitted_at < begun);
    lost.map(|record| record.session_id).collect()
}

/// Where the peer of a live session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// Its packets pass.
    In,
    /// The node has it, and it is shut out.
    Shut,
    /// The node does not have it any more.
    Nowhere,
}

impl Enforcer {
    /// Where the peer of a live session is; `None`: nobody can tell.
    pub(super) async fn whereabouts(&self, record: &SessionRecord) -> Option<Where> {
        let present = self.evictor.present().await.ok()?;
        let peer = peer(record);
        match present.peers.iter().find(|present| present.peer_id == peer.peer_id) {
            Some(present) if present.passing => Some(Where::In),
            Some(_) => Some(Where::Shut),
            None if present.all => Some(Where::Nowhere),
            None => {
                let has = self.evictor.has(&peer).await.ok()?;
                Some(if has { Where::In } else { Where::Nowhere })
            }
        }
    }
}
