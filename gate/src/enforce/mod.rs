//! Blocks the peers of sessions that have lost their entitlement and restores them when it returns.
//!
//! A possible loss (an Ethereum event, an ended sign-in, the clock, the operator) only queues sessions ([`queue`]).
//! The worker then evaluates each queued session with the decision that admission uses and applies the result. So an
//! event alone never evicts a session, and a session that is queued without need costs one read.

mod apply;
mod clock;
mod emergency;
mod evict;
mod expiry;
mod intents;
mod queue;
mod reconcile;
mod repeat;
pub mod tunnel;
mod watch;

use std::sync::Arc;

use sentinel_proto::address::AccountAddress;
use tokio_util::sync::CancellationToken;

use self::queue::{Reason, ReevaluationQueue};
use crate::access::Access;
use crate::admission::{Admission, Sessions};
use crate::config::ForeignPeers;
use crate::store::clock::Clock;
use crate::store::{EvictionCause, SessionRecord, SessionState, Store};

pub use self::clock::SteadyClock;
pub use self::emergency::{Target, UnknownTarget};
pub use self::evict::{Evictor, NodeAnswers};
pub use self::repeat::RepeatOutcome;

/// Keeps the peers in the tunnel in agreement with the entitlement of admitted sessions.
pub struct Enforcer {
    store: Store,
    access: Arc<Access>,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    foreign_peers: ForeignPeers,
    queue: ReevaluationQueue,
    /// Held while open intents are resolved, so that only one task resolves them.
    resolve_lock: tokio::sync::Mutex<()>,
}

/// Dependencies of [`Enforcer`].
pub struct EnforcerDeps {
    /// Session records, bindings and intents.
    pub store: Store,
    /// Card ownership and delegations.
    pub access: Arc<Access>,
    /// Decides on handshakes and re-evaluates sessions.
    pub admission: Arc<Admission>,
    /// Sessions on the hub.
    pub sessions: Arc<Sessions>,
    /// Blocks and restores peers in the tunnel.
    pub evictor: Arc<Evictor>,
    /// Current time.
    pub clock: Arc<dyn Clock>,
    /// Policy for peers that belong to no session.
    pub foreign_peers: ForeignPeers,
}

impl Enforcer {
    /// Creates an idle enforcer; it works while [`run`](Self::run) and [`follow`](Self::follow) run.
    pub fn new(tools: EnforcerDeps) -> Arc<Self> {
        let EnforcerDeps { store, access, admission, sessions, evictor, clock, foreign_peers } = tools;
        let (queue, settling) = (ReevaluationQueue::default(), tokio::sync::Mutex::default());
        Arc::new(Self {
            store,
            access,
            admission,
            sessions,
            evictor,
            clock,
            foreign_peers,
            queue,
            resolve_lock: settling,
        })
    }

    /// Runs the worker, the expiry check, the reconciler and the eviction retries until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let watch = async {
            // Evictions that were recorded before a restart come first.
            self.evictor.block_evicted(&self.evicted()).await;
            // The queue of the previous process is lost, and the policy may have changed since.
            self.everything_changed();
            tokio::select! {
                () = self.run_worker() => {}
                () = self.run_expiry_check() => {}
                () = self.run_reconciler() => {}
                () = self.evictor.retry_unfinished() => {}
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = watch => {}
        }
    }

    /// Queues the open sessions of an account whose bindings changed.
    pub fn account_changed(&self, account: &AccountAddress) {
        let sessions = self.store.sessions_of_account(account).into_iter();
        let open = sessions.filter(|record| is_open(record));
        self.queue.add(open.map(|record| record.session_id), Reason::Change);
    }

    /// Queues all open sessions, for example after a change of policy.
    pub fn everything_changed(&self) {
        self.queue_sessions(|_| true, Reason::Other);
    }

    /// Queues the open sessions for which `concerns` is true.
    fn queue_sessions(&self, concerns: impl Fn(&SessionRecord) -> bool, reason: Reason) {
        let sessions = self.store.list_sessions().into_iter();
        let concerned = sessions.filter(|record| is_open(record) && concerns(record));
        self.queue.add(concerned.map(|record| record.session_id), reason);
    }

    fn evicted(&self) -> Vec<u64> {
        let evicted = |record: &&Arc<SessionRecord>| record.state == SessionState::Evicted;
        self.store.list_sessions().iter().filter(evicted).map(|record| record.session_id).collect()
    }
}

/// Whether a re-evaluation can change the session: it is live, or it is evicted for a cause that can heal.
fn is_open(record: &SessionRecord) -> bool {
    match record.state {
        SessionState::Live => true,
        SessionState::Evicted => record.cause.is_some_and(EvictionCause::is_self_restoring),
    }
}

/// The peer of a session, as the tunnel driver takes it.
fn peer(record: &SessionRecord) -> tunnel::Peer {
    tunnel::Peer {
        session_id: record.session_id,
        peer_id: record.peer_id.clone(),
        addresses: record.addresses.clone(),
    }
}
