//! Requests to one given provider, for the follower, which compares providers itself.

use std::time::Duration;

use alloy::primitives::U64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::Reader;
use super::error::ProviderError;

/// Errors of a request to one provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SingleProviderError {
    /// The response exceeds the size limit.
    #[error("{0}: answer too large")]
    TooLarge(String),
    /// Any other failure.
    #[error("{0}")]
    Failed(String),
}

impl Reader {
    /// Returns the number of providers.
    pub(crate) fn providers(&self) -> usize {
        self.providers.len()
    }

    /// Sends a request to one provider regardless of its health; the response has at most `limit` bytes.
    pub(crate) async fn call_provider<P, R>(
        &self,
        index: usize,
        method: &'static str,
        params: P,
        limit: usize,
        deadline: Instant,
    ) -> Result<R, SingleProviderError>
    where
        P: Serialize + Sync,
        R: DeserializeOwned,
    {
        let Some(provider) = self.providers.get(index) else {
            return Err(SingleProviderError::Failed("no such provider".to_owned()));
        };
        provider.exchange_within(method, params, limit, deadline).await.map_err(|error| match error {
            ProviderError::TooLarge => SingleProviderError::TooLarge(provider.complaint(&error)),
            error => SingleProviderError::Failed(provider.complaint(&error)),
        })
    }

    /// Requires that a provider is on the right chain.
    pub(crate) async fn check_chain(
        &self,
        index: usize,
        deadline: Instant,
    ) -> Result<(), SingleProviderError> {
        let chain: U64 =
            self.call_provider(index, "eth_chainId", json!([]), self.config.max_response, deadline).await?;
        let chain = chain.to::<u64>();
        if chain == self.config.chain_id {
            return Ok(());
        }
        let complaint =
            self.providers.get(index).map(|provider| provider.complaint(&ProviderError::WrongChain(chain)));
        Err(SingleProviderError::Failed(complaint.unwrap_or_default()))
    }

    /// Reports the age of a head to the observer.
    pub(crate) fn saw_head(&self, age: Duration) {
        self.observer.head_seen(age);
    }
}
