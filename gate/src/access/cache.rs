//! Answers kept for a while. One flight per question; failures are not kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use moka::Expiry;
use moka::future::Cache;

use super::touched::Touched;
use super::{AccessConfig, AccessError, Entitlement, Tier};

/// A wallet, and the vault that it named.
pub(super) type Question = (Address, Option<Address>);

/// An answer, and when its reading began.
#[derive(Debug, Clone)]
struct Kept {
    entitlement: Arc<Entitlement>,
    begun: Instant,
}

/// The answers.
#[derive(Debug)]
pub(super) struct Answers {
    kept: Cache<Question, Kept>,
    /// Addresses about which something changed. What was read before that is worth nothing.
    touched: Touched,
    /// What began to be read before this is worth nothing either.
    cleared: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Lifetime {
    positive: Duration,
    negative: Duration,
}

impl Expiry<Question, Kept> for Lifetime {
    fn expire_after_create(&self, _: &Question, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(if kept.entitlement.tier == Tier::Denied { self.negative } else { self.positive })
    }
}

impl Answers {
    pub(super) fn new(config: &AccessConfig) -> Self {
        let (positive, negative) = (config.positive_ttl, config.negative_ttl);
        let kept =
            Cache::builder().max_capacity(config.capacity).expire_after(Lifetime { positive, negative });
        // Anything read before a mark may still be kept, or on its way.
        let touched = Touched::new(positive.max(negative) + Duration::from_secs(60));
        Self { kept: kept.build(), touched, cleared: Mutex::new(None) }
    }

    /// The kept answer, if nothing happened since.
    pub(super) async fn peek(&self, question: Question) -> Option<Arc<Entitlement>> {
        let kept = self.kept.get(&question).await?;
        self.is_current(&kept).then_some(kept.entitlement)
    }

    /// The kept answer, or what `read` gives: once for all who ask meanwhile.
    pub(super) async fn get<F, R>(&self, question: Question, read: F) -> Result<Arc<Entitlement>, AccessError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<Entitlement, AccessError>>,
    {
        loop {
            let fresh = async {
                let begun = Instant::now();
                read().await.map(|entitlement| Kept { entitlement: Arc::new(entitlement), begun })
            };
            let kept = self.kept.try_get_with(question, fresh).await?;
            if self.is_current(&kept) {
                return Ok(kept.entitlement);
            }
            // Only the outdated answer goes: somebody may have put a new one in its place already.
            let outdated = kept.begun;
            let replace = self.kept.entry(question).and_compute_with(|entry| async move {
                match entry {
                    Some(entry) if entry.value().begun <= outdated => moka::ops::compute::Op::Remove,
                    _ => moka::ops::compute::Op::Nop,
                }
            });
            replace.await;
        }
    }

    /// Something changed about `address`, as a wallet or as a vault.
    pub(super) fn touch(&self, address: Address) {
        self.touched.touch(address, Instant::now());
    }

    /// Nothing that was read before now counts, nor what is still being read.
    pub(super) fn clear(&self) {
        *self.cleared.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.kept.invalidate_all();
    }

    fn is_current(&self, kept: &Kept) -> bool {
        let Entitlement { wallet, vault, .. } = &*kept.entitlement;
        let touched = |address: &Address| self.touched.since(*address, kept.begun);
        let cleared = *self.cleared.lock().unwrap_or_else(PoisonError::into_inner);
        !touched(wallet)
            && !vault.as_ref().is_some_and(touched)
            && cleared.is_none_or(|cleared| kept.begun > cleared)
    }
}

#[cfg(test)]
mod tests;
