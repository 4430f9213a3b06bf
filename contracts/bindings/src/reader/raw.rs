//! Calls of one named provider, for the follower: it has to know who said what.

use std::time::Duration;

use alloy::primitives::U64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::Reader;
use super::error::ProviderError;

/// Why a provider gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SingleProviderError {
    /// It gave more than may be.
    #[error("{0}: answer too large")]
    TooLarge(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl Reader {
    /// How many providers there are.
    pub(crate) fn providers(&self) -> usize {
        self.providers.len()
    }

    /// Asks one provider, whatever is known of its health, for an answer of at most `limit` bytes.
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

    /// A head so old was seen.
    pub(crate) fn saw_head(&self, age: Duration) {
        self.observer.head_seen(age);
    }
}
