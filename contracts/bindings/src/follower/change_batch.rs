//! What the follower has to tell, gathered until somebody listens: telling never waits, and a storm of events is a
//! set of addresses.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::{Address, B256};
use tokio::sync::Notify;

use super::effect::Effect;

/// A block, named so that another branch cannot be taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Beyond so many addresses it is simpler to look at everybody.
const MAX_BATCH_ADDRESSES: usize = 100_000;

/// What happened since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Addresses that an event touched, or the undoing of one, each with the block from which on the truth about it
    /// can be read.
    pub touched: HashMap<Address, u64>,
    /// Those of them on which a right may have ended. Whatever strangers send to an address or register for it, it is
    /// not among these.
    pub losing: HashSet<Address>,
    /// Nobody can say who was touched: everybody is to be looked at, at this block or later.
    pub everybody: Option<u64>,
    /// Blocks were undone.
    pub reorgs: u32,
    /// For some time events may have been missed. What was touched meanwhile is in this or a later news.
    pub gap: bool,
    /// All events up to the newest block are told.
    pub caught_up: bool,
    /// Where to go on once all of this is done.
    pub cursor: Option<Cursor>,
}

/// What is gathered, and what was told before.
#[derive(Debug, Default)]
struct AccumulatorState {
    news: ChangeBatch,
    changed: bool,
    /// The present gap is told.
    behind: bool,
}

/// Between the follower and whoever acts on it.
#[derive(Debug, Default)]
pub struct ChangeAccumulator {
    gathered: Mutex<AccumulatorState>,
    bell: Notify,
}

impl ChangeAccumulator {
    /// Everything since the last call; waits until there is something.
    pub async fn next(&self) -> ChangeBatch {
        loop {
            let told = self.bell.notified();
            {
                let mut gathered = self.gathered();
                if std::mem::take(&mut gathered.changed) {
                    let caught_up = gathered.news.caught_up;
                    return std::mem::replace(
                        &mut gathered.news,
                        ChangeBatch { caught_up, ..ChangeBatch::default() },
                    );
                }
            }
            told.await;
        }
    }

    pub(super) fn touched(&self, effects: impl IntoIterator<Item = (Address, Effect)>, block: u64) {
        self.change(|news| {
            for (address, effect) in effects {
                news.touched.insert(address, block);
                if effect == Effect::Loss {
                    news.losing.insert(address);
                }
            }
            if news.touched.len() > MAX_BATCH_ADDRESSES {
                (news.touched, news.losing) = Default::default();
                news.everybody = Some(block);
            }
        });
    }

    pub(super) fn everybody(&self, block: u64) {
        self.change(|news| news.everybody = Some(block));
    }

    pub(super) fn add_reorg(&self) {
        self.change(|news| news.reorgs += 1);
    }

    pub(super) fn set_cursor(&self, cursor: Cursor) {
        self.change(|news| news.cursor = Some(cursor));
    }

    pub(super) fn report_gap(&self) {
        if !std::mem::replace(&mut self.gathered().behind, true) {
            self.change(|news| (news.gap, news.caught_up) = (true, false));
        }
    }

    pub(super) fn report_caught_up(&self) {
        self.gathered().behind = false;
        if !self.gathered().news.caught_up {
            self.change(|news| news.caught_up = true);
        }
    }

    fn change(&self, change: impl FnOnce(&mut ChangeBatch)) {
        {
            let mut gathered = self.gathered();
            change(&mut gathered.news);
            gathered.changed = true;
        }
        self.bell.notify_one();
    }

    fn gathered(&self) -> MutexGuard<'_, AccumulatorState> {
        // Whole at every moment.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u64) -> (Address, Effect) {
        (Address::left_padding_from(&number.to_be_bytes()), Effect::Gain)
    }

    #[tokio::test]
    async fn a_storm_is_one_set_with_the_latest_block_of_each() {
        let inbox = ChangeAccumulator::default();
        for block in 1..=100 {
            inbox.touched((0..200).map(address), block);
            inbox.set_cursor(Cursor { number: block, hash: B256::ZERO });
        }
        inbox.report_caught_up();
        let news = inbox.next().await;
        assert_eq!(news.touched.len(), 200);
        assert!(news.touched.values().all(|block| *block == 100));
        assert_eq!(news.cursor.unwrap().number, 100);
        assert!(news.caught_up && !news.gap && news.everybody.is_none());
        assert!(!inbox.gathered().changed, "told once");
    }

    #[tokio::test]
    async fn more_than_can_be_named_is_everybody() {
        let inbox = ChangeAccumulator::default();
        inbox.touched((0..=MAX_BATCH_ADDRESSES as u64).map(address), 9);
        let news = inbox.next().await;
        assert_eq!((news.touched.len(), news.everybody), (0, Some(9)));
    }

    #[tokio::test]
    async fn a_gap_is_told_although_it_is_closed_already() {
        let inbox = ChangeAccumulator::default();
        inbox.report_caught_up();
        assert!(inbox.next().await.caught_up);
        inbox.report_gap();
        inbox.touched([address(1)], 5);
        inbox.report_caught_up();
        let news = inbox.next().await;
        assert!(news.gap && news.caught_up && news.touched.len() == 1);
        inbox.report_gap();
        inbox.report_gap();
        let news = inbox.next().await;
        assert!(news.gap && !news.caught_up);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let inbox = std::sync::Arc::new(ChangeAccumulator::default());
        let waiting = tokio::spawn({
            let inbox = std::sync::Arc::clone(&inbox);
            async move { inbox.next().await }
        });
        tokio::task::yield_now().await;
        inbox.touched([address(1)], 1);
        assert_eq!(waiting.await.unwrap().touched.len(), 1);
    }
}
