//! What happens to those who were let in and may no longer be: their peers are taken out of the node's tunnel, and
//! brought back when they may again.
//!
//! Everything that may end a right only names sessions ([`queue`]): an event on Ethereum, an ended sign-in, the
//! clock, the operator. Each named session is then asked about again with admission's own decision, and what comes
//! out is applied. So nothing is dropped by reflex, and naming one too many costs a read.

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
use crate::store::{Cause, SessionRecord, SessionState, Store};

pub use self::clock::SteadyClock;
pub use self::emergency::{Target, UnknownTarget};
pub use self::evict::{Evictor, NodeAnswers};
pub use self::repeat::Repeat;

/// Watches over admitted sessions.
pub struct Enforcer {
    store: Store,
    access: Arc<Access>,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    clock: Arc<dyn Clock>,
    foreign_peers: ForeignPeers,
    queue: ReevaluationQueue,
    /// One at a time settles what was left open.
    settling: tokio::sync::Mutex<()>,
}

/// What an enforcer works with.
pub struct Tools {
    /// Records.
    pub store: Store,
    /// Ownership.
    pub access: Arc<Access>,
    /// The decision.
    pub admission: Arc<Admission>,
    /// Sessions on the hub.
    pub sessions: Arc<Sessions>,
    /// Takes peers out of the node's tunnel.
    pub evictor: Arc<Evictor>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What happens to peers that belong to no session.
    pub foreign_peers: ForeignPeers,
}

impl Enforcer {
    /// Watches nothing yet: the loops of [`run`](Self::run) and [`follow`](Self::follow) must run.
    pub fn new(tools: Tools) -> Arc<Self> {
        let Tools { store, access, admission, sessions, evictor, clock, foreign_peers } = tools;
        let (queue, settling) = (ReevaluationQueue::default(), tokio::sync::Mutex::default());
        Arc::new(Self { store, access, admission, sessions, evictor, clock, foreign_peers, queue, settling })
    }

    /// Works until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let watch = async {
            // What was decided before a restart is done first.
            self.evictor.repeat(&self.evicted()).await;
            // Who was named then and not looked at is not known any more, and policy may be another one.
            self.everything_changed();
            tokio::select! {
                () = self.work() => {}
                () = self.expire() => {}
                () = self.reconcile_for_ever() => {}
                () = self.evictor.finish() => {}
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = watch => {}
        }
    }

    /// The sign-ins of an account changed.
    pub fn account_changed(&self, account: &AccountAddress) {
        let sessions = self.store.sessions_of_account(account).into_iter();
        let open = sessions.filter(|record| is_open(record));
        self.queue.add(open.map(|record| record.session_id), Reason::Change);
    }

    /// The operator's policy changed, or everything may have.
    pub fn everything_changed(&self) {
        self.look_at(|_| true, Reason::Other);
    }

    /// Sessions that end or come back when something changes, as far as it concerns those that `concerns` names.
    fn look_at(&self, concerns: impl Fn(&SessionRecord) -> bool, reason: Reason) {
        let sessions = self.store.list_sessions().into_iter();
        let concerned = sessions.filter(|record| is_open(record) && concerns(record));
        self.queue.add(concerned.map(|record| record.session_id), reason);
    }

    fn evicted(&self) -> Vec<u64> {
        let evicted = |record: &&Arc<SessionRecord>| record.state == SessionState::Evicted;
        self.store.list_sessions().iter().filter(evicted).map(|record| record.session_id).collect()
    }
}

/// Whether its right is worth asking about: it has one, or gets its peer back with one.
fn is_open(record: &SessionRecord) -> bool {
    match record.state {
        SessionState::Live => true,
        SessionState::Evicted => record.cause.is_some_and(Cause::heals),
    }
}

/// What the tunnel has to know of a session.
fn peer(record: &SessionRecord) -> tunnel::Peer {
    tunnel::Peer {
        session_id: record.session_id,
        peer_id: record.peer_id.clone(),
        addresses: record.addresses.clone(),
    }
}
