//! Selects the sessions that a change concerns and queues them.

use std::sync::Arc;

use sentinel_proto::address::AccountAddress;

use super::is_open;
use super::reevaluation_queue::{Reason, ReevaluationQueue};
use crate::store::{SessionRecord, Store};

/// Queues the open sessions that a change concerns.
pub(super) struct ReevaluationScheduler {
    store: Store,
    queue: Arc<ReevaluationQueue>,
}

impl ReevaluationScheduler {
    pub(super) fn new(store: Store, queue: Arc<ReevaluationQueue>) -> Self {
        Self { store, queue }
    }

    /// Queues the open sessions of an account whose bindings changed.
    pub(super) fn queue_account(&self, account: &AccountAddress) {
        let sessions = self.store.sessions().of_account(account).into_iter();
        let open = sessions.filter(|record| is_open(record));
        self.queue.add(open.map(|record| record.session_id), Reason::Change);
    }

    /// Queues all open sessions.
    pub(super) fn queue_all(&self) {
        self.queue_where(|_| true, Reason::Other);
    }

    /// Queues the open sessions for which `concerns` is true.
    pub(super) fn queue_where(&self, concerns: impl Fn(&SessionRecord) -> bool, reason: Reason) {
        let sessions = self.store.sessions().list().into_iter();
        let concerned = sessions.filter(|record| is_open(record) && concerns(record));
        self.queue.add(concerned.map(|record| record.session_id), reason);
    }
}
