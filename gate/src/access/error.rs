//! Why there is no answer. None of these lets anybody in; all of them mean "try again".

use std::sync::Arc;

use sovereign_contracts::reader::ReadError;

/// A question without an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// Ethereum gave no answer that counts.
    #[error(transparent)]
    Ethereum(#[from] ReadError),
    /// It is not known yet which cards exist.
    #[error("the cards of the collection are not known yet: {0}")]
    CardsUnknown(String),
    /// Something changed about the wallet, and no provider shows that block yet.
    #[error("the providers do not show a change that is known")]
    Behind,
}

impl From<Arc<Self>> for AccessError {
    fn from(shared: Arc<Self>) -> Self {
        Arc::unwrap_or_clone(shared)
    }
}
