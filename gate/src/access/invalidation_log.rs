//! Log of invalidated addresses, kept as long as an older answer may exist.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::Address;

/// Number of new entries between two removals of old ones.
const SWEEP_AFTER: usize = 1024;

/// An invalidation: the time at which it was recorded, and the first block that shows the change.
#[derive(Debug, Clone, Copy)]
struct Invalidation {
    at: Instant,
    block: u64,
}

/// Freshness of an answer after invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// No invalidation since.
    Current,
    /// The read began before the invalidation.
    Stale,
    /// The read began after the invalidation, but the provider had not reached the block of the change.
    Behind,
}

impl Invalidation {
    fn freshness(&self, begun: Instant, block: u64) -> Freshness {
        if self.at >= begun {
            Freshness::Stale
        } else if block < self.block {
            Freshness::Behind
        } else {
            Freshness::Current
        }
    }
}

/// Invalidations by address, and the latest one of all addresses.
#[derive(Debug)]
pub(super) struct InvalidationLog {
    keep: Duration,
    entries: Mutex<InvalidationEntries>,
}

#[derive(Debug, Default)]
struct InvalidationEntries {
    by_address: HashMap<Address, Invalidation>,
    /// Latest invalidation of all addresses.
    all: Option<Invalidation>,
    sweep_at: usize,
}

impl InvalidationLog {
    /// `keep`: maximum age of an answer.
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, entries: Mutex::default() }
    }

    /// Records an invalidation of `address`; blocks from `block` on show the change.
    pub(super) fn invalidate(&self, address: Address, now: Instant, block: u64) {
        let mut entries = self.entries();
        entries.by_address.insert(address, Invalidation { at: now, block });
        if entries.by_address.len() > entries.sweep_at {
            let keep = self.keep;
            entries.by_address.retain(|_, entry| now.duration_since(entry.at) <= keep);
            entries.sweep_at = entries.by_address.len() + SWEEP_AFTER;
        }
    }

    /// Replaces all entries by one invalidation of every address.
    pub(super) fn invalidate_all(&self, now: Instant, block: u64) {
        let mut entries = self.entries();
        entries.by_address.clear();
        entries.all = Some(Invalidation { at: now, block });
    }

    /// Invalidates every address after a change of the rules. The minimum block stays: providers that lacked a change
    /// still lack it.
    pub(super) fn invalidate_for_new_rules(&self, now: Instant) {
        let mut entries = self.entries();
        let block = entries.all.map_or(0, |all| all.block);
        entries.all = Some(Invalidation { at: now, block });
    }

    /// Returns the freshness of an answer about `address` whose read began at `begun` and used `block`.
    pub(super) fn freshness(&self, address: Address, begun: Instant, block: u64) -> Freshness {
        let entries = self.entries();
        let entries = [entries.by_address.get(&address), entries.all.as_ref()];
        let mut states = entries.into_iter().flatten().map(|entry| entry.freshness(begun, block));
        states.find(|states| *states != Freshness::Current).unwrap_or(Freshness::Current)
    }

    /// Time of the latest invalidation of one of `addresses`.
    pub(super) fn changed_at(&self, addresses: impl IntoIterator<Item = Address>) -> Option<Instant> {
        let entries = self.entries();
        let of_addresses = addresses.into_iter().filter_map(|address| entries.by_address.get(&address));
        of_addresses.chain(entries.all.as_ref()).map(|entry| entry.at).max()
    }

    fn entries(&self) -> MutexGuard<'_, InvalidationEntries> {
        // Poisoning is harmless: no partial state is visible.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address::repeat_byte(1);

    #[test]
    fn invalidation_makes_earlier_reads_stale() {
        let log = InvalidationLog::new(Duration::from_secs(60));
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        log.invalidate(ADDRESS, now, 0);
        assert_eq!(log.freshness(ADDRESS, now, 5), Freshness::Stale);
        assert_eq!(log.freshness(ADDRESS, later, 5), Freshness::Current);
        assert_eq!(log.freshness(Address::repeat_byte(2), now, 5), Freshness::Current);
    }

    #[test]
    fn invalidation_rejects_answers_of_older_blocks() {
        let log = InvalidationLog::new(Duration::from_secs(60));
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        log.invalidate(ADDRESS, now, 7);
        assert_eq!(log.freshness(ADDRESS, later, 6), Freshness::Behind);
        assert_eq!(log.freshness(ADDRESS, later, 7), Freshness::Current);
        // After a reorg, an older block shows the truth.
        log.invalidate(ADDRESS, now, 5);
        assert_eq!(log.freshness(ADDRESS, later, 6), Freshness::Current);
        log.invalidate_all(later, 9);
        assert_eq!(log.freshness(Address::repeat_byte(2), now, 9), Freshness::Stale);
        assert_eq!(log.freshness(ADDRESS, later + Duration::from_millis(1), 8), Freshness::Behind);
    }

    #[test]
    fn policy_change_keeps_the_minimum_block() {
        let log = InvalidationLog::new(Duration::from_secs(60));
        let now = Instant::now();
        let after = |millis| now + Duration::from_millis(millis);
        log.invalidate_all(now, 5);
        log.invalidate(ADDRESS, now, 7);
        log.invalidate_for_new_rules(after(1));
        assert_eq!(log.freshness(ADDRESS, after(1), 7), Freshness::Stale);
        assert_eq!(log.freshness(ADDRESS, after(2), 6), Freshness::Behind);
        assert_eq!(log.freshness(Address::repeat_byte(2), after(2), 4), Freshness::Behind);
        assert_eq!(log.freshness(ADDRESS, after(2), 7), Freshness::Current);
    }

    #[test]
    fn removes_old_entries() {
        let log = InvalidationLog::new(Duration::from_secs(60));
        let start = Instant::now();
        for second in 0..20_000_u64 {
            let mut address = [0; 20];
            address[..8].copy_from_slice(&second.to_be_bytes());
            log.invalidate(address.into(), start + Duration::from_secs(second), 0);
        }
        assert!(log.entries().by_address.len() < 3 * SWEEP_AFTER, "{}", log.entries().by_address.len());
    }
}
