//! Room `access`: what the cards of a wallet, and of the vaults that delegated to it, entitle it to.
//!
//! Knows no HTTP and no binding. The decision itself is pure (`decide`); around it stand the reads of ownership
//! (`holdings`), of the registries' lists, which only name candidates (`lists`, `clues`), and of pairs, which
//! prove (`pair`, `claims`). Whatever fails on the way is an error that means "try again".

mod cache;
mod claims;
mod clues;
mod config;
mod decide;
mod entitlement;
mod error;
mod evaluate;
mod holdings;
mod ids;
mod lists;
mod metrics;
mod pair;
mod status;
mod touched;
mod world;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use alloy::primitives::Address;
use sovereign_contracts::reader::Reader;

pub use config::{AccessConfig, AccessConfigError, Collection, Standard};
pub use entitlement::{CARDS_SHOWN, Entitlement, Tier, Via};
pub use error::AccessError;
pub use metrics::EthereumMetrics;
pub use status::{AccessStatus, Problem};

use cache::Answers;
use evaluate::Evaluation;
use ids::CardIds;
use world::World;

/// Answers what wallets are entitled to.
#[derive(Debug)]
pub struct Access {
    reader: Arc<Reader>,
    /// As the file says; the world may say otherwise where it is governed.
    config: RwLock<AccessConfig>,
    world: RwLock<Arc<World>>,
    ids: CardIds,
    answers: Answers,
    contracts_seen: AtomicBool,
    denied: RwLock<Arc<HashSet<Address>>>,
}

impl Access {
    /// Nothing is asked yet. [`follow_ids`](Self::follow_ids) must run beside it.
    pub fn new(config: AccessConfig, reader: Arc<Reader>) -> Result<Self, AccessConfigError> {
        config.validate()?;
        let ids = CardIds::new(config.memes, config.this_card);
        let answers = Answers::new(&config);
        let denied = RwLock::new(Arc::new(config.deny_wallets.clone()));
        let world = RwLock::new(Arc::new(World::new(config.clone())));
        let config = RwLock::new(config);
        Ok(Self { reader, config, world, ids, answers, contracts_seen: AtomicBool::new(false), denied })
    }

    /// Learns which cards exist, for ever. Until it has done so once, there are no answers.
    pub async fn follow_ids(&self) {
        let interval = self.file().discovery_interval;
        self.ids.follow(&self.reader, interval).await;
    }

    /// The best that `wallet` and its vaults give, at most the configured time ago. `vault_hint` names a vault that
    /// is looked at whatever strangers did to the lists.
    pub async fn entitlement(
        &self,
        wallet: Address,
        vault_hint: Option<Address>,
    ) -> Result<Arc<Entitlement>, AccessError> {
        if let Some(known) = self.known(wallet, vault_hint).await {
            return Ok(known);
        }
        let hint = vault_hint.filter(|vault| lists::is_vault(*vault, wallet));
        // On the heap: what asks is small then, and most questions are answered from what is kept.
        self.answers.get((wallet, hint), || Box::pin(self.evaluate(wallet, hint))).await
    }

    /// The same, as far as nobody has to be asked for it.
    pub async fn known(&self, wallet: Address, vault_hint: Option<Address>) -> Option<Arc<Entitlement>> {
        let hint = vault_hint.filter(|vault| lists::is_vault(*vault, wallet));
        if hint.is_some()
            && let Some(best) = self.answers.peek((wallet, None)).await
            && best.tier == Tier::Free
        {
            return Some(best);
        }
        self.answers.peek((wallet, hint)).await
    }

    async fn evaluate(&self, wallet: Address, hint: Option<Address>) -> Result<Entitlement, AccessError> {
        let world = self.world();
        let denied = Arc::clone(&self.denied.read().unwrap_or_else(PoisonError::into_inner));
        let (reader, ids) = (&*self.reader, &self.ids);
        let evaluation = Evaluation { world: &world, reader, ids, wallet, hint, denied: &denied };
        evaluation.run().await
    }

    /// From now on these cards and delegations count: `change` tells how they differ from the file. No answer from
    /// before is given any more.
    pub fn govern(&self, change: impl FnOnce(&mut AccessConfig)) -> Result<(), AccessConfigError> {
        let mut config = self.file();
        change(&mut config);
        config.validate()?;
        self.apply(config);
        Ok(())
    }

    /// From now on the file says this of cards and delegations; `governed` tells what counts in its place. The Memes
    /// themselves, and how long answers are kept, stay as they are.
    pub fn reread(
        &self,
        file: AccessConfig,
        governed: impl FnOnce(&mut AccessConfig),
    ) -> Result<(), AccessConfigError> {
        file.validate()?;
        let mut config = file.clone();
        governed(&mut config);
        config.validate()?;
        self.deny(file.deny_wallets.clone());
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = file;
        self.apply(config);
        Ok(())
    }

    fn file(&self) -> AccessConfig {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn apply(&self, config: AccessConfig) {
        self.ids.include(config.this_card);
        *self.world.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(World::new(config));
        self.contracts_seen.store(false, Ordering::Relaxed);
        self.answers.touch_all();
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something changed about `address`: no answer that rests on it, as wallet or as vault, is given any more.
    pub fn invalidate(&self, address: Address) {
        self.answers.touch(address, 0);
    }

    /// The same, and only blocks from `block` on show what changed: an answer from an older one does not count,
    /// whichever provider gives it.
    pub fn invalidate_at(&self, address: Address, block: u64) {
        self.answers.touch(address, block);
    }

    /// No answer from before this, or from an older block than `block`, is given any more.
    pub fn invalidate_all(&self, block: u64) {
        self.answers.start_over(block);
    }

    /// While changes may be missed, every question is asked anew.
    pub fn distrust(&self, distrusted: bool) {
        self.answers.distrust(distrusted);
    }

    /// Cards of these addresses are a last resort from now on.
    pub fn deny(&self, denied: HashSet<Address>) {
        *self.denied.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(denied);
        self.answers.touch_all();
    }

    /// The contracts whose events may change an answer.
    pub fn watched(&self) -> Vec<Address> {
        let world = self.world();
        let registries = [world.config.nft_delegation, world.config.delegate_registry];
        world.contracts.iter().copied().chain(registries.into_iter().flatten()).collect()
    }

    /// What keeps this room from answering. Asks the providers that have not answered lately.
    pub async fn status(&self) -> AccessStatus {
        let (providers, mut problems) = status::providers(&self.reader).await;
        if let Some(why) = self.ids.problem() {
            problems.push(Problem { what: "cards", why, lasting: Duration::ZERO });
        }
        if problems.is_empty() && !self.contracts_seen.load(Ordering::Relaxed) {
            problems = status::contracts(&self.reader, &self.world()).await;
            self.contracts_seen.store(problems.is_empty(), Ordering::Relaxed);
        }
        AccessStatus { problems, providers }
    }
}
