//! Answers kept for a while. One flight per question and change; failures are not kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::Address;
use moka::Expiry;
use moka::future::Cache;

use super::question::Question;
use super::touched::{Touched, Worth};
use super::{AccessConfig, AccessError, Entitlement};

/// An answer, and when its reading began.
#[derive(Debug, Clone)]
struct Kept {
    entitlement: Arc<Entitlement>,
    begun: Instant,
}

/// A question since the last change about its addresses: a read that follows a change does not wait for one
/// from before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    question: Question,
    changed_at: Option<Instant>,
}

/// The answers.
#[derive(Debug)]
pub(super) struct Answers {
    kept: Cache<Key, Kept>,
    /// Addresses about which something changed. What was read before that is worth nothing.
    touched: Touched,
    /// Changes may have been missed: nothing that was kept counts.
    distrusted: AtomicBool,
}

/// A provider that does not show a known change is asked again so often, after such a pause.
const BEHIND: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Lifetime {
    positive: Duration,
    negative: Duration,
}

impl Expiry<Key, Kept> for Lifetime {
    fn expire_after_create(&self, _: &Key, kept: &Kept, _: Instant) -> Option<Duration> {
        if kept.entitlement.is_denied() || kept.entitlement.is_partial {
            return Some(self.negative);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = kept.entitlement.until().map(Duration::from_secs);
        Some(until.map_or(self.positive, |until| until.saturating_sub(now).min(self.positive)))
    }
}

impl Answers {
    pub(super) fn new(config: &AccessConfig) -> Self {
        let (positive, negative) = (config.positive_ttl, config.negative_ttl);
        let kept =
            Cache::builder().max_capacity(config.capacity).expire_after(Lifetime { positive, negative });
        // Anything read before a mark may still be kept, or on its way.
        let touched = Touched::new(positive.max(negative) + Duration::from_secs(60));
        Self { kept: kept.build(), touched, distrusted: AtomicBool::new(false) }
    }

    /// The kept answer, if nothing happened since.
    pub(super) async fn peek(&self, question: Question) -> Option<Arc<Entitlement>> {
        let kept = self.kept.get(&self.key(question)).await?;
        (self.judge(&kept, Instant::now()) == Worth::Current).then_some(kept.entitlement)
    }

    /// The kept answer, or what `read` gives: once for all who ask meanwhile.
    pub(super) async fn get<F, R>(&self, question: Question, read: F) -> Result<Arc<Entitlement>, AccessError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<Entitlement, AccessError>>,
    {
        let asked = Instant::now();
        let mut behind = 0;
        loop {
            let fresh = async {
                let begun = Instant::now();
                read().await.map(|entitlement| Kept { entitlement: Arc::new(entitlement), begun })
            };
            let key = self.key(question);
            let kept = self.kept.try_get_with(key, fresh).await?;
            match self.judge(&kept, asked) {
                Worth::Current => return Ok(kept.entitlement),
                Worth::Behind if behind == BEHIND => return Err(AccessError::Behind),
                Worth::Behind => {
                    behind += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Worth::Old => {}
            }
            // Only the outdated answer goes: somebody may have put a new one in its place already.
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

    /// Something changed about `address`, as a wallet or as a vault, which blocks from `block` on show.
    pub(super) fn touch(&self, address: Address, block: u64) {
        self.touched.touch(address, Instant::now(), block);
    }

    /// The same about everybody.
    pub(super) fn start_over(&self, block: u64) {
        self.touched.start_over(Instant::now(), block);
    }

    /// What counts changed. Kept answers are old from now on, and taken out one by one where they are asked for: what
    /// the cache itself calls invalid passes its lifetime on to what is put in its place.
    pub(super) fn touch_all(&self) {
        self.touched.touch_all(Instant::now());
    }

    /// Whether changes may be missed: then nothing counts that was not read for the question itself.
    pub(super) fn distrust(&self, distrusted: bool) {
        self.distrusted.store(distrusted, Ordering::SeqCst);
    }

    fn key(&self, question: Question) -> Key {
        let addresses = [Some(question.wallet()), question.vault()].into_iter().flatten();
        Key { question, changed_at: self.touched.changed_at(addresses) }
    }

    fn judge(&self, kept: &Kept, asked: Instant) -> Worth {
        if self.distrusted.load(Ordering::SeqCst) && kept.begun < asked {
            return Worth::Old;
        }
        let Entitlement { wallet, examined, block, .. } = &*kept.entitlement;
        let judge = |address: &Address| self.touched.judge(*address, kept.begun, *block);
        let mut worth = [wallet].into_iter().chain(examined).map(judge);
        worth.find(|worth| *worth != Worth::Current).unwrap_or(Worth::Current)
    }
}

#[cfg(test)]
mod tests;
