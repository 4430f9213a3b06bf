//! Changes that the follower reports, accumulated until the consumer takes them. Reporting never waits, and any number
//! of events becomes a set of addresses.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::{Address, B256};
use tokio::sync::Notify;

use super::effect::Effect;

/// A block, identified by number and hash so that a block of another branch differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
}

/// Maximum addresses of a batch; beyond it every address is rechecked.
const MAX_BATCH_ADDRESSES: usize = 100_000;

/// Changes since the previous batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Addresses that an event or its undoing affected, each with the first block in which its present state can be
    /// read.
    pub affected_addresses: HashMap<Address, u64>,
    /// Affected addresses on which a right may have ended. Nothing that others send to an address or register for it
    /// adds it here.
    pub possible_losses: HashSet<Address>,
    /// The affected addresses are unknown: every address must be rechecked, at this block or later.
    pub recheck_all_from: Option<u64>,
    /// Number of reorganisations.
    pub reorgs: u32,
    /// Events may have been late for some time. This or a later batch contains their addresses.
    pub gap: bool,
    /// All events up to the newest block have been reported.
    pub caught_up: bool,
    /// Block to continue after, once this batch has been handled.
    pub cursor: Option<Cursor>,
}

/// The batch under construction.
#[derive(Debug, Default)]
struct AccumulatorState {
    batch: ChangeBatch,
    has_changes: bool,
    /// Whether the present gap has been reported.
    gap_reported: bool,
}

/// Accumulates changes between the follower and its consumer.
#[derive(Debug, Default)]
pub struct ChangeAccumulator {
    state: Mutex<AccumulatorState>,
    notify: Notify,
}

impl ChangeAccumulator {
    /// Returns the changes since the last call; waits until there are any.
    pub async fn next_batch(&self) -> ChangeBatch {
        loop {
            let notified = self.notify.notified();
            {
                let mut state = self.state();
                if std::mem::take(&mut state.has_changes) {
                    let caught_up = state.batch.caught_up;
                    return std::mem::replace(
                        &mut state.batch,
                        ChangeBatch { caught_up, ..ChangeBatch::default() },
                    );
                }
            }
            notified.await;
        }
    }

    pub(super) fn add_affected(&self, effects: impl IntoIterator<Item = (Address, Effect)>, block: u64) {
        self.change(|batch| {
            for (address, effect) in effects {
                batch.affected_addresses.insert(address, block);
                if effect == Effect::Loss {
                    batch.possible_losses.insert(address);
                }
            }
            if batch.affected_addresses.len() > MAX_BATCH_ADDRESSES {
                (batch.affected_addresses, batch.possible_losses) = Default::default();
                batch.recheck_all_from = Some(block);
            }
        });
    }

    pub(super) fn request_full_recheck(&self, block: u64) {
        self.change(|batch| batch.recheck_all_from = Some(block));
    }

    pub(super) fn add_reorg(&self) {
        self.change(|batch| batch.reorgs += 1);
    }

    pub(super) fn set_cursor(&self, cursor: Cursor) {
        self.change(|batch| batch.cursor = Some(cursor));
    }

    pub(super) fn report_gap(&self) {
        if !std::mem::replace(&mut self.state().gap_reported, true) {
            self.change(|batch| (batch.gap, batch.caught_up) = (true, false));
        }
    }

    pub(super) fn report_caught_up(&self) {
        self.state().gap_reported = false;
        if !self.state().batch.caught_up {
            self.change(|batch| batch.caught_up = true);
        }
    }

    fn change(&self, change: impl FnOnce(&mut ChangeBatch)) {
        {
            let mut state = self.state();
            change(&mut state.batch);
            state.has_changes = true;
        }
        self.notify.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, AccumulatorState> {
        // Poisoning is harmless: no partial state is visible.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u64) -> (Address, Effect) {
        (Address::left_padding_from(&number.to_be_bytes()), Effect::Gain)
    }

    #[tokio::test]
    async fn keeps_latest_block_per_address() {
        let changes = ChangeAccumulator::default();
        for block in 1..=100 {
            changes.add_affected((0..200).map(address), block);
            changes.set_cursor(Cursor { number: block, hash: B256::ZERO });
        }
        changes.report_caught_up();
        let batch = changes.next_batch().await;
        assert_eq!(batch.affected_addresses.len(), 200);
        assert!(batch.affected_addresses.values().all(|block| *block == 100));
        assert_eq!(batch.cursor.unwrap().number, 100);
        assert!(batch.caught_up && !batch.gap && batch.recheck_all_from.is_none());
        assert!(!changes.state().has_changes, "returned once");
    }

    #[tokio::test]
    async fn requests_full_recheck_beyond_the_address_limit() {
        let changes = ChangeAccumulator::default();
        changes.add_affected((0..=MAX_BATCH_ADDRESSES as u64).map(address), 9);
        let batch = changes.next_batch().await;
        assert_eq!((batch.affected_addresses.len(), batch.recheck_all_from), (0, Some(9)));
    }

    #[tokio::test]
    async fn reports_a_gap_that_is_already_closed() {
        let changes = ChangeAccumulator::default();
        changes.report_caught_up();
        assert!(changes.next_batch().await.caught_up);
        changes.report_gap();
        changes.add_affected([address(1)], 5);
        changes.report_caught_up();
        let batch = changes.next_batch().await;
        assert!(batch.gap && batch.caught_up && batch.affected_addresses.len() == 1);
        changes.report_gap();
        changes.report_gap();
        let batch = changes.next_batch().await;
        assert!(batch.gap && !batch.caught_up);
    }

    #[tokio::test]
    async fn wakes_waiting_consumer() {
        let changes = std::sync::Arc::new(ChangeAccumulator::default());
        let waiting = tokio::spawn({
            let changes = std::sync::Arc::clone(&changes);
            async move { changes.next_batch().await }
        });
        tokio::task::yield_now().await;
        changes.add_affected([address(1)], 1);
        assert_eq!(waiting.await.unwrap().affected_addresses.len(), 1);
    }
}
