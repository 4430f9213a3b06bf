//! Queues the sessions whose basis depends on the addresses in Ethereum's events.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::Address;
use sovereign_contracts::follower::{ChangeAccumulator, ChangeBatch, Cursor};
use tokio_util::sync::CancellationToken;

use super::EnforcerDeps;
use super::reevaluation_queue::{CURSOR_SAVE_INTERVAL, Reason, ReevaluationQueue};
use super::reevaluation_scheduler::ReevaluationScheduler;
use crate::access::Access;
use crate::store::{SessionRecord, SessionState, Store};

/// Applies the changes that Ethereum's events report to the cache and the queue.
pub(super) struct ChangeHandler {
    store: Store,
    access: Arc<Access>,
    scheduler: Arc<ReevaluationScheduler>,
    queue: Arc<ReevaluationQueue>,
}

impl ChangeHandler {
    pub(super) fn new(
        deps: &EnforcerDeps,
        scheduler: Arc<ReevaluationScheduler>,
        queue: Arc<ReevaluationQueue>,
    ) -> Self {
        Self { store: deps.store.clone(), access: Arc::clone(&deps.access), scheduler, queue }
    }

    /// Handles the changes that the event follower reports, until `stop`. Cached reads are distrusted until the
    /// follower reports that no event is missing.
    pub(super) async fn follow(&self, inbox: Arc<ChangeAccumulator>, stop: CancellationToken) {
        self.access.set_distrusted(true);
        let listen = async {
            loop {
                self.apply_changes(&inbox.next_batch().await);
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = listen => {}
            () = self.save_cursor() => {}
        }
    }

    fn apply_changes(&self, news: &ChangeBatch) {
        if news.gap {
            self.access.set_distrusted(true);
        }
        // First, because it discards what later blocks say about single addresses.
        if let Some(block) = news.recheck_all_from {
            self.access.invalidate_all(block);
        }
        for (address, block) in &news.affected_addresses {
            self.access.invalidate_at(*address, *block);
        }
        if news.recheck_all_from.is_some() {
            self.scheduler.queue_where(|_| true, Reason::Other);
        }
        if !news.affected_addresses.is_empty() {
            let may_lose = |record: &SessionRecord| {
                let rests_on = [record.wallet, record.vault].into_iter().flatten();
                rests_on.into_iter().any(|address| news.possible_losses.contains(&address))
            };
            self.scheduler.queue_where(may_lose, Reason::Loss);
            self.scheduler.queue_where(
                |record| !may_lose(record) && self.depends_on(record, &news.affected_addresses),
                Reason::Change,
            );
        }
        if news.caught_up {
            self.access.set_distrusted(false);
        }
        if let Some(cursor) = news.cursor {
            self.queue.record_cursor(cursor);
        }
    }

    /// Whether the basis of a session depends on one of `touched`, or one of them could restore the session.
    fn depends_on(&self, record: &SessionRecord, touched: &HashMap<Address, u64>) -> bool {
        let is_touched = |address: Option<Address>| address.is_some_and(|one| touched.contains_key(&one));
        if [record.wallet, record.vault, record.own_key].into_iter().any(is_touched) {
            return true;
        }
        record.state == SessionState::Evicted
            && self
                .store
                .bindings()
                .of_account(&record.account)
                .iter()
                .any(|binding| is_touched(Some(binding.wallet)) || is_touched(binding.vault))
    }

    /// Saves the cursor up to which events are handled; after a restart they are read from there.
    async fn save_cursor(&self) {
        let mut written: Option<Cursor> = None;
        loop {
            tokio::time::sleep(CURSOR_SAVE_INTERVAL).await;
            let Some(cursor) = self.queue.take_completed_cursor().filter(|cursor| Some(*cursor) != written)
            else {
                continue;
            };
            match self.store.progress().set_ethereum_cursor(cursor).await {
                Ok(()) => written = Some(cursor),
                Err(error) => tracing::warn!(%error, "cannot write down how far Ethereum's events are read"),
            }
        }
    }
}
