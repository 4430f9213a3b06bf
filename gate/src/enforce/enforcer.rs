//! Composes the parts of enforcement and runs their tasks.

use std::sync::Arc;

use sentinel_proto::address::AccountAddress;
use sovereign_contracts::follower::ChangeAccumulator;
use tokio_util::sync::CancellationToken;

use super::change_handler::ChangeHandler;
use super::evictor::Evictor;
use super::expiry_check::ExpiryCheck;
use super::intent_resolver::IntentResolver;
use super::operator_actions::OperatorActions;
use super::peer_reconciler::PeerReconciler;
use super::reevaluation_queue::{Reason, ReevaluationQueue};
use super::reevaluation_scheduler::ReevaluationScheduler;
use super::reevaluation_worker::ReevaluationWorker;
use super::repeat_handler::{RepeatHandler, RepeatOutcome};
use crate::access::Access;
use crate::admission::{Admission, Admitted, Repeated, Sessions};
use crate::config::ForeignPeers;
use crate::refusal::Refusal;
use crate::store::clock::Clock;
use crate::store::{SessionState, Store};

/// Keeps the peers in the tunnel in agreement with the entitlement of admitted sessions.
pub struct Enforcer {
    store: Store,
    evictor: Arc<Evictor>,
    queue: Arc<ReevaluationQueue>,
    scheduler: Arc<ReevaluationScheduler>,
    worker: ReevaluationWorker,
    expiry_check: ExpiryCheck,
    reconciler: PeerReconciler,
    changes: ChangeHandler,
    repeats: RepeatHandler,
    operator_actions: OperatorActions,
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
    pub fn new(deps: &EnforcerDeps) -> Arc<Self> {
        let queue = Arc::new(ReevaluationQueue::default());
        let scheduler = Arc::new(ReevaluationScheduler::new(deps.store.clone(), Arc::clone(&queue)));
        let intents = Arc::new(IntentResolver::new(deps, Arc::clone(&queue)));
        Arc::new(Self {
            store: deps.store.clone(),
            evictor: Arc::clone(&deps.evictor),
            worker: ReevaluationWorker::new(deps, Arc::clone(&queue)),
            expiry_check: ExpiryCheck::new(deps, Arc::clone(&queue)),
            reconciler: PeerReconciler::new(deps, Arc::clone(&intents)),
            changes: ChangeHandler::new(deps, Arc::clone(&scheduler), Arc::clone(&queue)),
            repeats: RepeatHandler::new(deps, Arc::clone(&intents)),
            operator_actions: OperatorActions::new(deps, Arc::clone(&scheduler), intents),
            scheduler,
            queue,
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
                () = self.worker.run() => {}
                () = self.expiry_check.run() => {}
                () = self.reconciler.run() => {}
                () = self.evictor.retry_unfinished() => {}
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = watch => {}
        }
    }

    /// Handles the changes that the event follower reports, until `stop`. Cached reads are distrusted until the
    /// follower reports that no event is missing.
    pub async fn follow(self: Arc<Self>, inbox: Arc<ChangeAccumulator>, stop: CancellationToken) {
        self.changes.follow(inbox, stop).await;
    }

    /// Queues the open sessions of an account whose bindings changed.
    pub fn account_changed(&self, account: &AccountAddress) {
        self.scheduler.queue_account(account);
    }

    /// Queues all open sessions, for example after a change of policy.
    pub fn everything_changed(&self) {
        self.scheduler.queue_all();
    }

    /// Confirms a session that the node has added and that is recorded. A loss since the decision found no session to
    /// queue, so the session is queued now; and it is evicted if a pause, possibly a lockdown, began.
    pub async fn confirm_admission(&self, admitted: &Admitted) -> Result<(), Refusal> {
        let session = admitted.verified().session_id();
        self.queue.add([session], Reason::Loss);
        self.evictor.evict_if_paused(session, admitted.grant()).await
    }

    /// Checks whether an admitted handshake was answered before, and whether that answer is still valid.
    pub async fn repeat(&self, admitted: &Admitted) -> RepeatOutcome {
        self.repeats.repeat(admitted).await
    }

    /// Checks whether the recorded answer to the handshake of a live session is still valid.
    pub async fn repeat_live(&self, repeated: &Repeated) -> RepeatOutcome {
        self.repeats.repeat_live(repeated).await
    }

    /// The operator's actions.
    pub fn operator_actions(&self) -> &OperatorActions {
        &self.operator_actions
    }

    fn evicted(&self) -> Vec<u64> {
        let sessions = self.store.sessions().list();
        let evicted = sessions.iter().filter(|record| record.state == SessionState::Evicted);
        evicted.map(|record| record.session_id).collect()
    }
}
