//! Errors of access. None of them admits a handshake; all of them mean "try again".

use std::sync::Arc;

use sovereign_contracts::reader::ReadError;

/// A query that cannot be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// No usable answer from Ethereum.
    #[error(transparent)]
    Ethereum(#[from] ReadError),
    /// The ids of the collection have not been discovered yet.
    #[error("the cards of the collection are not known yet: {0}")]
    CardsUnknown(String),
    /// The wallet changed, and no provider has reached the block of the change.
    #[error("the providers do not show a change that is known")]
    ProvidersBehind,
}

impl From<Arc<Self>> for AccessError {
    fn from(shared: Arc<Self>) -> Self {
        Arc::unwrap_or_clone(shared)
    }
}
