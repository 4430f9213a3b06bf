//! From Ethereum's events to the sessions that rest on whom they touch.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::Address;
use sovereign_contracts::follower::{Cursor, Inbox, News};
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use super::queue::Reason;
use crate::store::{SessionRecord, SessionState};

impl Enforcer {
    /// Acts on what the follower of Ethereum's events tells, until `stop`. Until it has told that no event is
    /// missing, nothing that was read before counts.
    pub async fn follow(self: Arc<Self>, inbox: Arc<Inbox>, stop: CancellationToken) {
        self.access.distrust(true);
        let listen = async {
            loop {
                self.hear(&inbox.next().await);
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = listen => {}
            () = self.remember() => {}
        }
    }

    fn hear(&self, news: &News) {
        if news.gap {
            self.access.distrust(true);
        }
        // First, because it forgets what later blocks said of somebody.
        if let Some(block) = news.everybody {
            self.access.invalidate_all(block);
        }
        for (address, block) in &news.touched {
            self.access.invalidate_at(*address, *block);
        }
        if news.everybody.is_some() {
            self.look_at(|_| true, Reason::Other);
        }
        if !news.touched.is_empty() {
            let may_lose = |record: &SessionRecord| {
                let rests_on = [record.wallet, record.vault].into_iter().flatten();
                rests_on.into_iter().any(|address| news.losing.contains(&address))
            };
            self.look_at(may_lose, Reason::Loss);
            self.look_at(|record| !may_lose(record) && self.rests_on(record, &news.touched), Reason::Change);
        }
        if news.caught_up {
            self.access.distrust(false);
        }
        if let Some(cursor) = news.cursor {
            self.queue.reached(cursor);
        }
    }

    /// Whether a session rests on one of `touched`, or could come back by one of them.
    fn rests_on(&self, record: &SessionRecord, touched: &HashMap<Address, u64>) -> bool {
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

    /// Writes down how far the events were acted on; after a restart they are read from there.
    async fn remember(&self) {
        let mut written: Option<Cursor> = None;
        loop {
            tokio::time::sleep(super::queue::REMEMBER).await;
            let Some(cursor) = self.queue.settled().filter(|cursor| Some(*cursor) != written) else {
                continue;
            };
            match self.store.set_ethereum_cursor(cursor).await {
                Ok(()) => written = Some(cursor),
                Err(error) => tracing::warn!(%error, "cannot write down how far Ethereum's events are read"),
            }
        }
    }
}
