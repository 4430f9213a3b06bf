//! Queues the sessions whose basis depends on the addresses in Ethereum's events.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::Address;
use sovereign_contracts::follower::{ChangeAccumulator, ChangeBatch, Cursor};
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use super::queue::Reason;
use crate::store::{SessionRecord, SessionState};

impl Enforcer {
    /// Handles the changes that the event follower reports, until `stop`. Cached reads are distrusted until the
    /// follower reports that no event is missing.
    pub async fn follow(self: Arc<Self>, inbox: Arc<ChangeAccumulator>, stop: CancellationToken) {
        self.access.set_distrusted(true);
        let listen = async {
            loop {
                self.apply_changes(&inbox.next().await);
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
        if let Some(block) = news.everybody {
            self.access.invalidate_all(block);
        }
        for (address, block) in &news.touched {
            self.access.invalidate_at(*address, *block);
        }
        if news.everybody.is_some() {
            self.queue_sessions(|_| true, Reason::Other);
        }
        if !news.touched.is_empty() {
            let may_lose = |record: &SessionRecord| {
                let rests_on = [record.wallet, record.vault].into_iter().flatten();
                rests_on.into_iter().any(|address| news.losing.contains(&address))
            };
            self.queue_sessions(may_lose, Reason::Loss);
            self.queue_sessions(
                |record| !may_lose(record) && self.depends_on(record, &news.touched),
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
                .bindings_of(&record.account)
                .iter()
                .any(|binding| is_touched(Some(binding.wallet)) || is_touched(binding.vault))
    }

    /// Saves the cursor up to which events are handled; after a restart they are read from there.
    async fn save_cursor(&self) {
        let mut written: Option<Cursor> = None;
        loop {
            tokio::time::sleep(super::queue::CURSOR_SAVE_INTERVAL).await;
            let Some(cursor) = self.queue.take_completed_cursor().filter(|cursor| Some(*cursor) != written)
            else {
                continue;
            };
            match self.store.set_ethereum_cursor(cursor).await {
                Ok(()) => written = Some(cursor),
                Err(error) => tracing::warn!(%error, "cannot write down how far Ethereum's events are read"),
            }
        }
    }
}
