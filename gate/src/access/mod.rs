//! Access: the bases on which the cards of a wallet, and of the vaults that delegated to it, entitle it.
//!
//! This module knows neither HTTP nor bindings, and it does not choose a basis. The decision is pure (`decide`). The
//! reads around it are ownership (`holdings`), the delegation lists of the registries, which only name candidates
//! (`delegation_lists`, `delegation_hints`), and checks of one wallet and one vault, which prove a delegation
//! (`pair_checks`, `claims`). Every failure on the way is an error that means "try again".

mod access_rules;
mod basis;
mod cache;
mod card_ids;
mod claims;
mod config;
mod decide;
mod delegation_hints;
mod delegation_lists;
mod entitlement;
mod entitlement_query;
mod error;
mod evaluate;
mod holdings;
mod invalidation_log;
mod metrics;
mod pair_checks;
mod status;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use alloy::primitives::Address;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sovereign_contracts::reader::Reader;

pub use basis::{Basis, MAX_SHOWN_CARDS, Tier, Via};
pub use config::{AccessConfig, AccessConfigError, Collection, Standard};
pub use entitlement::{Entitlement, Summary};
pub use entitlement_query::EntitlementQuery;
pub use error::AccessError;
pub use metrics::EthereumMetrics;
pub use status::{AccessStatus, Problem};

use access_rules::AccessRules;
use cache::EntitlementCache;
use card_ids::CardIds;
use evaluate::Evaluation;

/// Maximum number of cached answers to unauthenticated queries.
const MAX_CACHED_PUBLIC_ANSWERS: u64 = 4_096;

/// Reads and caches what wallets are entitled to.
#[derive(Debug)]
pub struct Access {
    reader: Arc<Reader>,
    /// Settings of the configuration file. `rules` holds them with the overrides of governance.
    config: RwLock<AccessConfig>,
    rules: RwLock<Arc<AccessRules>>,
    ids: CardIds,
    cache: EntitlementCache,
    /// Answers to unauthenticated queries, kept apart so that they cannot displace those of admissions.
    public_cache: EntitlementCache,
    contracts_verified: AtomicBool,
    denied: RwLock<Arc<HashSet<Address>>>,
}

impl Access {
    /// Creates the component without any I/O. [`discover_card_ids`](Self::discover_card_ids) must run beside it.
    pub fn new(config: AccessConfig, reader: Arc<Reader>) -> Result<Self, AccessConfigError> {
        config.validate()?;
        let ids = CardIds::new(config.memes, config.this_card);
        let cache = EntitlementCache::new(&config);
        let public_cache = EntitlementCache::new(&AccessConfig {
            capacity: config.capacity.min(MAX_CACHED_PUBLIC_ANSWERS),
            ..config.clone()
        });
        let denied = RwLock::new(Arc::new(config.deny_wallets.clone()));
        let rules = RwLock::new(Arc::new(AccessRules::new(config.clone())));
        let config = RwLock::new(config);
        Ok(Self {
            reader,
            config,
            rules,
            ids,
            cache,
            public_cache,
            contracts_verified: AtomicBool::new(false),
            denied,
        })
    }

    /// Discovers the ids of existing cards, forever. There are no answers before the first success.
    pub async fn discover_card_ids(&self) {
        let interval = self.file_config().discovery_interval;
        self.ids.follow(&self.reader, interval).await;
    }

    /// Returns the entitlement for `query`, read at most the configured cache lifetime ago.
    pub async fn entitlement(&self, question: EntitlementQuery) -> Result<Arc<Entitlement>, AccessError> {
        self.cache.get_or_read(question, || self.evaluate(question)).await
    }

    /// Returns the cached entitlement for `query`, if it is current. Makes no read.
    pub async fn cached_entitlement(&self, question: EntitlementQuery) -> Option<Arc<Entitlement>> {
        self.cache.get_cached(question).await
    }

    /// Returns the best basis of `wallet` and its vaults. A named `vault` is read even if no list names it.
    pub async fn summary(&self, wallet: Address, vault: Option<Address>) -> Result<Summary, AccessError> {
        Ok(self.summary_with_holders(wallet, vault).await?.0)
    }

    /// Returns the summary and the holders of all cards behind it, each once, the wallet and a named vault first.
    pub async fn summary_with_holders(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<(Summary, Vec<Address>), AccessError> {
        let entitlement = self.merged_entitlement(&self.cache, wallet, vault).await?;
        Ok((entitlement.summary(&self.denied_wallets()), entitlement.holders()))
    }

    /// Returns the summary for an unauthenticated query. It uses a separate cache, so it cannot affect an admission.
    pub async fn public_summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<Summary, AccessError> {
        Ok(self.merged_entitlement(&self.public_cache, wallet, vault).await?.summary(&self.denied_wallets()))
    }

    fn denied_wallets(&self) -> Arc<HashSet<Address>> {
        Arc::clone(&self.denied.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the entitlement by the named vault and, unless that is the best tier already, by the delegation lists.
    async fn merged_entitlement(
        &self,
        answers: &EntitlementCache,
        wallet: Address,
        vault: Option<Address>,
    ) -> Result<Arc<Entitlement>, AccessError> {
        let ask = |question| answers.get_or_read(question, move || self.evaluate(question));
        let (named, listed) = (EntitlementQuery::named(wallet, vault), EntitlementQuery::Listed { wallet });
        if matches!(named, EntitlementQuery::Named { vault: None, .. }) {
            return ask(listed).await;
        }
        let named = ask(named).await?;
        let denied = self.denied_wallets();
        let best = named.summary(&denied);
        if best.tier == Tier::Free && !denied.contains(&best.holder()) {
            return Ok(named);
        }
        match ask(listed).await {
            Ok(listed) => Ok(Arc::new(named.merge(&listed))),
            Err(error) if named.is_denied() => Err(error),
            Err(_) => Ok(named),
        }
    }

    /// Boxed to keep the callers' futures small: the cache answers most queries.
    fn evaluate(&self, question: EntitlementQuery) -> BoxFuture<'_, Result<Entitlement, AccessError>> {
        async move {
            let rules = self.rules();
            Evaluation { rules: &rules, reader: &self.reader, ids: &self.ids }.evaluate(question).await
        }
        .boxed()
    }

    /// Applies `change` (the overrides of governance) to the file's settings and invalidates every cached answer.
    pub fn apply_governance(&self, change: impl FnOnce(&mut AccessConfig)) -> Result<(), AccessConfigError> {
        let mut config = self.file_config();
        change(&mut config);
        config.validate()?;
        self.apply(config);
        Ok(())
    }

    /// Replaces the file's settings; `governed` applies the overrides of governance to them. The address of The Memes
    /// and the cache lifetimes stay unchanged.
    pub fn reload(
        &self,
        file: AccessConfig,
        governed: impl FnOnce(&mut AccessConfig),
    ) -> Result<(), AccessConfigError> {
        file.validate()?;
        let mut config = file.clone();
        governed(&mut config);
        config.validate()?;
        self.set_denied_wallets(file.deny_wallets.clone());
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = file;
        self.apply(config);
        Ok(())
    }

    fn file_config(&self) -> AccessConfig {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn apply(&self, config: AccessConfig) {
        self.ids.include(config.this_card);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(AccessRules::new(config));
        self.contracts_verified.store(false, Ordering::Relaxed);
        self.for_each_cache(EntitlementCache::invalidate_for_new_rules);
    }

    fn for_each_cache(&self, change: impl Fn(&EntitlementCache)) {
        change(&self.cache);
        change(&self.public_cache);
    }

    fn rules(&self) -> Arc<AccessRules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Invalidates every answer that rests on `address`, as wallet or as vault.
    pub fn invalidate(&self, address: Address) {
        self.for_each_cache(|answers| answers.invalidate(address, 0));
    }

    /// Invalidates answers that rest on `address`, and rejects answers read at a block before `block`, from any
    /// provider.
    pub fn invalidate_at(&self, address: Address, block: u64) {
        self.for_each_cache(|answers| answers.invalidate(address, block));
    }

    /// Invalidates every answer, and rejects answers read at a block before `block`.
    pub fn invalidate_all(&self, block: u64) {
        self.for_each_cache(|answers| answers.invalidate_all(block));
    }

    /// While `distrusted`, every query causes a new read, because events may have been missed.
    pub fn set_distrusted(&self, distrusted: bool) {
        self.for_each_cache(|answers| answers.set_distrusted(distrusted));
    }

    /// Sets the denied wallets. Summaries rank the cards of these holders last.
    pub fn set_denied_wallets(&self, denied: HashSet<Address>) {
        *self.denied.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(denied);
    }

    /// Returns the contracts whose events may change an answer.
    pub fn watched_contracts(&self) -> Vec<Address> {
        let rules = self.rules();
        let registries = [rules.config.nft_delegation, rules.config.delegate_registry];
        rules.contracts.iter().copied().chain(registries.into_iter().flatten()).collect()
    }

    /// Reports what prevents answers. Probes the providers that have not answered recently.
    pub async fn status(&self) -> AccessStatus {
        let (providers, mut problems) = status::provider_problems(&self.reader).await;
        if let Some(why) = self.ids.problem() {
            problems.push(Problem { part: "cards", reason: why, duration: Duration::ZERO });
        }
        if problems.is_empty() && !self.contracts_verified.load(Ordering::Relaxed) {
            problems = status::missing_contracts(&self.reader, &self.rules()).await;
            self.contracts_verified.store(problems.is_empty(), Ordering::Relaxed);
        }
        AccessStatus { problems, providers }
    }
}
