//! Operator actions: drop sessions, pause admission, lock down, erase a wallet. The audit log records each action with
//! its reason before it is executed.

use std::sync::Arc;

use alloy::primitives::Address;

use super::EnforcerDeps;
use super::evictor::Evictor;
use super::intent_resolver::IntentResolver;
use super::reevaluation_scheduler::ReevaluationScheduler;
use super::target::Target;
use crate::access::Access;
use crate::store::{EvictionCause, Store, StoreError};

/// Executes the operator's actions on sessions.
pub struct OperatorActions {
    store: Store,
    access: Arc<Access>,
    evictor: Arc<Evictor>,
    scheduler: Arc<ReevaluationScheduler>,
    intents: Arc<IntentResolver>,
}

impl OperatorActions {
    pub(super) fn new(
        deps: &EnforcerDeps,
        scheduler: Arc<ReevaluationScheduler>,
        intents: Arc<IntentResolver>,
    ) -> Self {
        Self {
            store: deps.store.clone(),
            access: Arc::clone(&deps.access),
            evictor: Arc::clone(&deps.evictor),
            scheduler,
            intents,
        }
    }

    /// Drops sessions for good and returns the number of ended tunnels. Evicted sessions are not restored either.
    pub async fn drop_sessions(&self, target: Target, reason: &str) -> Result<usize, StoreError> {
        self.store.audit().append("drop", &target.to_string(), reason).await?;
        self.evict_all(target, EvictionCause::Dropped).await
    }

    /// Pauses admission and evicts all sessions. After the pause, the same handshake restores an entitled session.
    pub async fn lock_down(&self, reason: &str) -> Result<usize, StoreError> {
        self.store.audit().append("lockdown", "all", reason).await?;
        self.store.pauses().set(true, reason).await?;
        self.evict_all(Target::All, EvictionCause::Lockdown).await
    }

    /// Begins or ends a pause of admission.
    pub async fn pause(&self, paused: bool, reason: &str) -> Result<(), StoreError> {
        self.store.pauses().set(paused, reason).await?;
        if !paused {
            self.scheduler.queue_all();
        }
        Ok(())
    }

    /// Evicts the sessions of a wallet, then erases its data. Returns the number of evicted sessions.
    pub async fn erase(&self, wallet: Address, reason: &str) -> Result<usize, StoreError> {
        let dropped = self.evict_all(Target::Wallet(wallet), EvictionCause::Erased).await?;
        self.store.wallet_data().erase(wallet, reason).await?;
        self.access.invalidate(wallet);
        Ok(dropped)
    }

    async fn evict_all(&self, target: Target, cause: EvictionCause) -> Result<usize, StoreError> {
        // Peers of unfinished handshakes get a record first.
        self.intents.resolve_now().await;
        self.evictor.evict_all(|record| target.matches(record), cause).await
    }
}
