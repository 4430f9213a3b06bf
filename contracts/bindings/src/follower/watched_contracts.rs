//! The contracts that the follower watches. They may change at any time.

use std::sync::{Arc, PoisonError, RwLock};

use alloy::primitives::Address;
use tokio::sync::Notify;

#[derive(Debug)]
struct Shared {
    contracts: RwLock<Arc<[Address]>>,
    /// Notified of changes, which trigger a poll.
    change_notifier: Arc<Notify>,
}

/// The watched contracts. Clones share them.
#[derive(Debug, Clone)]
pub struct WatchedContracts(Arc<Shared>);

impl WatchedContracts {
    /// Replaces the contracts. The follower then requests a recheck of every address, as earlier events of new
    /// contracts were not read.
    pub fn set(&self, contracts: &[Address]) {
        if *self.snapshot() != *contracts {
            *self.0.contracts.write().unwrap_or_else(PoisonError::into_inner) = contracts.into();
            self.0.change_notifier.notify_one();
        }
    }

    pub(super) fn snapshot(&self) -> Arc<[Address]> {
        // Poisoning is harmless: no partial state is visible.
        Arc::clone(&self.0.contracts.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_notifier(&self) -> Arc<Notify> {
        Arc::clone(&self.0.change_notifier)
    }
}

impl From<Vec<Address>> for WatchedContracts {
    fn from(contracts: Vec<Address>) -> Self {
        Self(Arc::new(Shared { contracts: RwLock::new(contracts.into()), change_notifier: Arc::default() }))
    }
}
