//! Access: the bases on which the cards of a wallet, and of the vaults that delegated to it, entitle it.
//!
//! Knows no HTTP and no binding, and chooses no basis. The decision itself is pure (`decide`); around it stand the reads of ownership
//! (`holdings`), of the registries' lists, which only name candidates (`lists`, `clues`), and of pairs, which
//! prove (`pair`, `claims`). Whatever fails on the way is an error that means "try again".

mod basis;
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
mod question;
mod status;
mod touched;
mod world;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use alloy::primitives::Address;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sovereign_contracts::reader::Reader;

pub use basis::{Basis, CARDS_SHOWN, Tier, Via};
pub use config::{AccessConfig, AccessConfigError, Collection, Standard};
pub use entitlement::{Entitlement, Summary};
pub use error::AccessError;
pub use metrics::EthereumMetrics;
pub use question::Question;
pub use status::{AccessStatus, Problem};

use cache::Answers;
use evaluate::Evaluation;
use ids::CardIds;
use world::World;

/// Answers kept for questions that prove nothing.
const MAX_PUBLIC_ANSWERS: u64 = 4_096;

/// Answers what wallets are entitled to.
#[derive(Debug)]
pub struct Access {
    reader: Arc<Reader>,
    /// As the file says; the world may say otherwise where it is governed.
    config: RwLock<AccessConfig>,
    world: RwLock<Arc<World>>,
    ids: CardIds,
    answers: Answers,
    /// Answers to questions that anybody may ask.
    public_answers: Answers,
    contracts_seen: AtomicBool,
    denied: RwLock<Arc<HashSet<Address>>>,
}

impl Access {
    /// Nothing is asked yet. [`follow_ids`](Self::follow_ids) must run beside it.
    pub fn new(config: AccessConfig, reader: Arc<Reader>) -> Result<Self, AccessConfigError> {
        config.validate()?;
        let ids = CardIds::new(config.memes, config.this_card);
        let answers = Answers::new(&config);
        let public_answers = Answers::new(&AccessConfig {
            capacity: config.capacity.min(MAX_PUBLIC_ANSWERS),
            ..config.clone()
        });
        let denied = RwLock::new(Arc::new(config.deny_wallets.clone()));
        let world = RwLock::new(Arc::new(World::new(config.clone())));
        let config = RwLock::new(config);
        Ok(Self {
            reader,
            config,
            world,
            ids,
            answers,
            public_answers,
            contracts_seen: AtomicBool::new(false),
            denied,
        })
    }

    /// Learns which cards exist, for ever. Until it has done so once, there are no answers.
    pub async fn follow_ids(&self) {
        let interval = self.file().discovery_interval;
        self.ids.follow(&self.reader, interval).await;
    }

    /// What answers a question, read at most the configured time ago.
    pub async fn ask(&self, question: Question) -> Result<Arc<Entitlement>, AccessError> {
        self.answers.get(question, || self.evaluate(question)).await
    }

    /// The same, as far as the answer is kept already.
    pub async fn known(&self, question: Question) -> Option<Arc<Entitlement>> {
        self.answers.peek(question).await
    }

    /// The best that `wallet` and its vaults give; `vault` names one that is looked at whatever the lists say.
    pub async fn summary(&self, wallet: Address, vault: Option<Address>) -> Result<Summary, AccessError> {
        Ok(self.summary_with_holders(wallet, vault).await?.0)
    }

    /// The same, and the holders of all cards behind it, each once: the wallet itself and a named vault come first.
    pub async fn summary_with_holders(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<(Summary, Vec<Address>), AccessError> {
        let entitlement = self.best_of_both(&self.answers, wallet, vault).await?;
        Ok((entitlement.summary(&self.denied()), entitlement.holders()))
    }

    /// The same for a question that proves nothing: its answer is kept apart, so it changes nothing for an admission.
    pub async fn public_summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<Summary, AccessError> {
        Ok(self.best_of_both(&self.public_answers, wallet, vault).await?.summary(&self.denied()))
    }

    fn denied(&self) -> Arc<HashSet<Address>> {
        Arc::clone(&self.denied.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the named vault gives and, unless that is the best already, what the lists add.
    async fn best_of_both(
        &self,
        answers: &Answers,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<Arc<Entitlement>, AccessError> {
        let ask = |question| answers.get(question, move || self.evaluate(question));
        let (named, listed) = (Question::named(wallet, vault), Question::Listed { wallet });
        if matches!(named, Question::Named { vault: None, .. }) {
            return ask(listed).await;
        }
        let named = ask(named).await?;
        let denied = self.denied();
        let best = named.summary(&denied);
        if best.tier == Tier::Free && !denied.contains(&best.holder()) {
            return Ok(named);
        }
        match ask(listed).await {
            Ok(listed) => Ok(Arc::new(named.with(&listed))),
            Err(error) if named.is_denied() => Err(error),
            Err(_) => Ok(named),
        }
    }

    /// On the heap: what asks is small then, and most questions are answered from what is kept.
    fn evaluate(&self, question: Question) -> BoxFuture<'_, Result<Entitlement, AccessError>> {
        async move {
            let world = self.world();
            Evaluation { world: &world, reader: &self.reader, ids: &self.ids }.run(question).await
        }
        .boxed()
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
        self.caches(Answers::touch_all);
    }

    fn caches(&self, change: impl Fn(&Answers)) {
        change(&self.answers);
        change(&self.public_answers);
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something changed about `address`: no answer that rests on it, as wallet or as vault, is given any more.
    pub fn invalidate(&self, address: Address) {
        self.caches(|answers| answers.touch(address, 0));
    }

    /// The same, and only blocks from `block` on show what changed: an answer from an older one does not count,
    /// whichever provider gives it.
    pub fn invalidate_at(&self, address: Address, block: u64) {
        self.caches(|answers| answers.touch(address, block));
    }

    /// No answer from before this, or from an older block than `block`, is given any more.
    pub fn invalidate_all(&self, block: u64) {
        self.caches(|answers| answers.start_over(block));
    }

    /// While changes may be missed, every question is asked anew.
    pub fn distrust(&self, distrusted: bool) {
        self.caches(|answers| answers.distrust(distrusted));
    }

    /// Cards of these addresses come last in summaries from now on.
    pub fn deny(&self, denied: HashSet<Address>) {
        *self.denied.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(denied);
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
