//! Which contracts are followed, which may change while they are.

use std::sync::{Arc, PoisonError, RwLock};

use alloy::primitives::Address;
use tokio::sync::Notify;

#[derive(Debug)]
struct Shared {
    contracts: RwLock<Arc<[Address]>>,
    /// Rung when they change, which is a reason to look at once.
    bell: Arc<Notify>,
}

/// The contracts that are followed. Clones share them.
#[derive(Debug, Clone)]
pub struct WatchedContracts(Arc<Shared>);

impl WatchedContracts {
    /// From now on these. Whoever rests on one that is new is told of once, as everybody is: what happened there
    /// before was not followed.
    pub fn set(&self, contracts: &[Address]) {
        if *self.snapshot() != *contracts {
            *self.0.contracts.write().unwrap_or_else(PoisonError::into_inner) = contracts.into();
            self.0.bell.notify_one();
        }
    }

    pub(super) fn snapshot(&self) -> Arc<[Address]> {
        // Whole at every moment.
        Arc::clone(&self.0.contracts.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_notifier(&self) -> Arc<Notify> {
        Arc::clone(&self.0.bell)
    }
}

impl From<Vec<Address>> for WatchedContracts {
    fn from(contracts: Vec<Address>) -> Self {
        Self(Arc::new(Shared { contracts: RwLock::new(contracts.into()), bell: Arc::default() }))
    }
}
