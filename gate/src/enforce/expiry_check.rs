//! Queues sessions whose entitlement ends by time alone, also while no source can be reached.

use std::sync::Arc;
use std::time::Duration;

use super::reevaluation_queue::ReevaluationQueue;
use super::{EnforcerDeps, is_open};
use crate::store::clock::Clock;
use crate::store::{EvictionCause, SessionState, Store};

/// Interval of the check: the maximum delay until an expiry or a jump of the clock is noticed.
const EXPIRY_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Compares the expiry of sessions with the clock, periodically.
pub(super) struct ExpiryCheck {
    store: Store,
    clock: Arc<dyn Clock>,
    queue: Arc<ReevaluationQueue>,
}

impl ExpiryCheck {
    pub(super) fn new(deps: &EnforcerDeps, queue: Arc<ReevaluationQueue>) -> Self {
        Self { store: deps.store.clone(), clock: Arc::clone(&deps.clock), queue }
    }

    /// Checks periodically. Never returns.
    pub(super) async fn run(&self) {
        loop {
            tokio::time::sleep(EXPIRY_CHECK_INTERVAL).await;
            self.queue_expired();
        }
    }

    /// Queues live sessions that have expired, to search for another basis, and sessions evicted as expired that have
    /// not expired after all, because the clock was wrong or a new binding exists.
    fn queue_expired(&self) {
        let now = self.clock.unix();
        let sessions = self.store.sessions().list();
        let named = sessions.iter().filter(|record| is_open(record)).filter(|record| match record.state {
            SessionState::Live => record.expires_at <= now,
            SessionState::Evicted => record.cause == Some(EvictionCause::Expired) && record.expires_at > now,
        });
        let named: Vec<u64> = named.map(|record| record.session_id).collect();
        if !named.is_empty() {
            self.queue.add_once(named);
        }
    }
}
