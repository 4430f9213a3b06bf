//! Errors of reads. An error is never an answer.

use alloy::primitives::Address;

/// Errors of a read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The configuration is invalid.
    #[error("Ethereum providers: {0}")]
    Config(String),
    /// Not enough providers answered.
    #[error("Ethereum cannot be asked now: {0}")]
    Unavailable(String),
    /// Enough providers answered, but no quorum of them with the same answer.
    #[error("Ethereum providers disagree: {0}")]
    Disagreement(String),
    /// The deadline passed.
    #[error("Ethereum did not answer in time: {0}")]
    Timeout(String),
    /// The chain lacks Multicall3.
    #[error("no Multicall3 at {0} on this chain")]
    NoAggregator(Address),
    /// The call itself failed on the chain, at every provider asked.
    #[error("call failed on the chain: {0}")]
    Execution(String),
    /// A contract call failed, or its result does not match the interface.
    #[error("{contract} does not answer {function} as it should")]
    Contract {
        /// The contract.
        contract: Address,
        /// Signature of the function.
        function: &'static str,
    },
}

impl ReadError {
    /// Returns whether a retry can help; other errors need an operator.
    pub fn should_retry(&self) -> bool {
        !matches!(self, Self::Config(_) | Self::NoAggregator(_))
    }
}

/// Errors of one provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProviderError {
    #[error("no answer in time")]
    Timeout,
    #[error("connection: {0}")]
    Network(String),
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("rate limited")]
    RateLimited,
    #[error("answer too large")]
    TooLarge,
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    #[error("error {code}: {message}")]
    Rpc { code: i64, message: String },
    #[error("call failed: {0}")]
    Execution(String),
    #[error("is on chain {0}")]
    WrongChain(u64),
    #[error("is behind: {0}")]
    Behind(String),
    #[error("no Multicall3 at {0}")]
    NoAggregator(Address),
    #[error("rests after failures ({0})")]
    CircuitOpen(String),
}

impl ProviderError {
    /// Returns the metrics label of the outcome.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Network(_) => "network",
            Self::Status(_) => "status",
            Self::RateLimited => "rate_limited",
            Self::TooLarge => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Rpc { .. } => "rpc_error",
            Self::Execution(_) => "execution",
            Self::WrongChain(_) => "wrong_chain",
            Self::Behind(_) => "behind",
            Self::NoAggregator(_) => "no_aggregator",
            Self::CircuitOpen(_) => "resting",
        }
    }
}
