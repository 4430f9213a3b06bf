//! Cache of entitlements. Concurrent queries share one read; failures are not cached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::Address;
use moka::Expiry;
use moka::future::Cache;

use super::entitlement_query::EntitlementQuery;
use super::invalidation_log::{Freshness, InvalidationLog};
use super::{AccessConfig, AccessError, Entitlement};

/// A cached entitlement and the time at which its read began.
#[derive(Debug, Clone)]
struct CachedEntitlement {
    entitlement: Arc<Entitlement>,
    begun: Instant,
}

/// Cache key: a query and the time of the last change of its addresses. A read that starts after a change therefore
/// never joins a read from before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    question: EntitlementQuery,
    changed_at: Option<Instant>,
}

/// Cached entitlements with their invalidations.
#[derive(Debug)]
pub(super) struct EntitlementCache {
    kept: Cache<Key, CachedEntitlement>,
    /// Invalidations of addresses. An answer read before the invalidation of one of its addresses is stale.
    invalidations: InvalidationLog,
    /// Events may have been missed: no cached answer is used.
    distrusted: AtomicBool,
}

/// Retries and delay between them while no provider has reached the block of a known change.
const MAX_BEHIND_RETRIES: u32 = 8;
const BEHIND_RETRY_DELAY: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct EntitlementExpiry {
    positive: Duration,
    negative: Duration,
}

impl Expiry<Key, CachedEntitlement> for EntitlementExpiry {
    fn expire_after_create(&self, _: &Key, kept: &CachedEntitlement, _: Instant) -> Option<Duration> {
        if kept.entitlement.is_denied() || kept.entitlement.is_partial {
            return Some(self.negative);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = kept.entitlement.expires_at().map(Duration::from_secs);
        Some(until.map_or(self.positive, |until| until.saturating_sub(now).min(self.positive)))
    }
}

impl EntitlementCache {
    pub(super) fn new(config: &AccessConfig) -> Self {
        let (positive, negative) = (config.positive_ttl, config.negative_ttl);
        let kept = Cache::builder()
            .max_capacity(config.capacity)
            .expire_after(EntitlementExpiry { positive, negative });
        // An answer read before an invalidation may still be cached or in flight for this long.
        let invalidations = InvalidationLog::new(positive.max(negative) + Duration::from_secs(60));
        Self { kept: kept.build(), invalidations, distrusted: AtomicBool::new(false) }
    }

    /// Returns the cached entitlement if it is current.
    pub(super) async fn get_cached(&self, question: EntitlementQuery) -> Option<Arc<Entitlement>> {
        let kept = self.kept.get(&self.key(question)).await?;
        (self.freshness(&kept, Instant::now()) == Freshness::Current).then_some(kept.entitlement)
    }

    /// Returns the cached entitlement or the result of `read`, which runs once for all concurrent callers.
    pub(super) async fn get_or_read<F, R>(
        &self,
        question: EntitlementQuery,
        read: F,
    ) -> Result<Arc<Entitlement>, AccessError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<Entitlement, AccessError>>,
    {
        let asked = Instant::now();
        let mut behind = 0;
        loop {
            let fresh = async {
                let begun = Instant::now();
                read()
                    .await
                    .map(|entitlement| CachedEntitlement { entitlement: Arc::new(entitlement), begun })
            };
            let key = self.key(question);
            let kept = self.kept.try_get_with(key, fresh).await?;
            match self.freshness(&kept, asked) {
                Freshness::Current => return Ok(kept.entitlement),
                Freshness::Behind if behind == MAX_BEHIND_RETRIES => {
                    return Err(AccessError::ProvidersBehind);
                }
                Freshness::Behind => {
                    behind += 1;
                    tokio::time::sleep(BEHIND_RETRY_DELAY).await;
                }
                Freshness::Stale => {}
            }
            // Remove only the stale answer: another task may have replaced it already.
            let outdated = kept.begun;
            let replace = self.kept.entry(key).and_compute_with(|entry| async move {
                match entry {
                    Some(entry) if entry.value().begun <= outdated => moka::ops::compute::Op::Remove,
                    _ => moka::ops::compute::Op::Nop,
                }
            });
            replace.await;
        }
    }

    /// Invalidates answers that rest on `address`; only blocks from `block` on show the change.
    pub(super) fn invalidate(&self, address: Address, block: u64) {
        self.invalidations.invalidate(address, Instant::now(), block);
    }

    /// Invalidates every answer; only blocks from `block` on are accepted.
    pub(super) fn invalidate_all(&self, block: u64) {
        self.invalidations.invalidate_all(Instant::now(), block);
    }

    /// Invalidates every answer after a change of the rules. Stale answers are removed one by one on access: moka's own
    /// invalidation would pass the remaining lifetime of an entry on to its replacement.
    pub(super) fn invalidate_for_new_rules(&self) {
        self.invalidations.invalidate_for_new_rules(Instant::now());
    }

    /// While `distrusted`, only an answer that was read for the query itself is used.
    pub(super) fn set_distrusted(&self, distrusted: bool) {
        self.distrusted.store(distrusted, Ordering::SeqCst);
    }

    fn key(&self, question: EntitlementQuery) -> Key {
        let addresses = [Some(question.wallet()), question.vault()].into_iter().flatten();
        Key { question, changed_at: self.invalidations.changed_at(addresses) }
    }

    fn freshness(&self, kept: &CachedEntitlement, asked: Instant) -> Freshness {
        if self.distrusted.load(Ordering::SeqCst) && kept.begun < asked {
            return Freshness::Stale;
        }
        let Entitlement { wallet, examined, block, .. } = &*kept.entitlement;
        let freshness = |address: &Address| self.invalidations.freshness(*address, kept.begun, *block);
        let mut states = [wallet].into_iter().chain(examined).map(freshness);
        states.find(|states| *states != Freshness::Current).unwrap_or(Freshness::Current)
    }
}

#[cfg(test)]
mod tests;
