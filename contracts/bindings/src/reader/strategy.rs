//! Strategies that select providers and decide which answer is valid.

mod common;
mod failover;
mod quorum;

pub(crate) use common::common_blocks;
pub(super) use failover::failover;
pub(super) use quorum::quorum;

use super::ReadError;
use super::config::ReaderConfig;
use super::error::ProviderError;
use super::provider::Provider;

/// Combines the errors of all providers. A cause that an operator must remove comes first.
fn combined_error(config: &ReaderConfig, failed: &[(&Provider, ProviderError)]) -> ReadError {
    let all = |wanted: fn(&ProviderError) -> bool| {
        !failed.is_empty() && failed.iter().all(|(_, error)| wanted(error))
    };
    let text = || failed.iter().map(|(who, error)| who.complaint(error)).collect::<Vec<_>>().join("; ");
    if all(|error| matches!(error, ProviderError::NoAggregator(_))) {
        ReadError::NoAggregator(config.aggregator)
    } else if all(|error| matches!(error, ProviderError::Execution(_))) {
        ReadError::Execution(text())
    } else if all(|error| matches!(error, ProviderError::Timeout)) {
        ReadError::Timeout(text())
    } else {
        ReadError::Unavailable(text())
    }
}
