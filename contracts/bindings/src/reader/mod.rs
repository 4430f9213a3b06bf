//! Consistent reads from several providers, none of which is trusted further than configured.
//!
//! A read is one `eth_call` of Multicall3's `aggregate3`, which also tells chain, block number, time and parent
//! hash, so every answer names the state that it comes from. With a quorum of 1 the providers are asked in order;
//! with K, all are asked and K answers must be equal byte for byte, block included.

mod aggregate3_codec;
mod agreed_heads;
mod call;
mod call_batcher;
mod config;
mod error;
mod health;
mod logs;
mod observer;
mod provider;
mod query;
mod rate_limiter;
mod raw;
mod rpc;
mod strategy;

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use tokio::time::Instant;

pub use call::{Block, BlockTag, Call, CallResult, ReadRequest, Snapshot};
pub use config::ReaderConfig;
pub use error::ReadError;
pub use health::ProviderStatus;
pub use logs::{Log, LogFilter};
pub use observer::{NoopObserver, Observer};
pub(crate) use raw::SingleProviderError;
pub(crate) use strategy::common_blocks;

use agreed_heads::AgreedHeads;
use call_batcher::CallBatcher;
use provider::Provider;
use query::{Answer, Query};

/// Reads Ethereum through the providers.
pub struct Reader {
    config: ReaderConfig,
    providers: Vec<Provider>,
    observer: Arc<dyn Observer>,
    call_batcher: CallBatcher,
    /// Used with a quorum only.
    agreed_heads: AgreedHeads,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Reader {
    /// Creates a reader; sends no request.
    ///
    /// A TLS provider of rustls must be installed in the process.
    pub fn new(config: ReaderConfig, observer: Arc<dyn Observer>) -> Result<Self, ReadError> {
        let http = rpc::client()?;
        let urls = config.urls()?;
        let provider = |url| Provider::new(url, http.clone(), &config, Arc::clone(&observer));
        let providers = urls.into_iter().map(provider).collect();
        let together = CallBatcher::new(&config);
        Ok(Self { config, providers, observer, call_batcher: together, agreed_heads: AgreedHeads::default() })
    }

    /// Returns the configuration.
    pub fn config(&self) -> &ReaderConfig {
        &self.config
    }

    /// Returns the deadline of a read that starts now.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.config.timeout
    }

    /// Executes all `calls` in one `eth_call`, within the configured time.
    pub async fn read(&self, calls: &[Call], at: BlockTag) -> Result<Snapshot, ReadError> {
        let request = ReadRequest { calls: calls.to_vec(), ..ReadRequest::default() };
        self.read_until(&request, at, self.deadline()).await
    }

    /// Executes `request` in one `eth_call` until `deadline`. Reads that exceed the rate limit share calls.
    pub async fn read_until(
        &self,
        request: &ReadRequest,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Snapshot, ReadError> {
        Box::pin(self.call_batcher.read(self, request, at, deadline)).await
    }

    async fn read_alone(
        &self,
        request: &ReadRequest,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Snapshot, ReadError> {
        let snapshots = self.read_all(&[request], at, deadline).await?;
        snapshots.into_iter().next().ok_or_else(|| ReadError::Unavailable("no snapshot".to_owned()))
    }

    /// Returns one snapshot per request, all of one block.
    async fn read_all(
        &self,
        requests: &[&ReadRequest],
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Vec<Snapshot>, ReadError> {
        let query = Query::aggregate(&self.config, requests);
        self.resolve(&query, at, deadline).await.map(|answer| answer.snapshots)
    }

    /// Runs `code` as creation code within `gas`; it must return the result of `SignatureCheck`.
    pub(crate) async fn run(&self, code: Bytes, gas: u64) -> Result<bool, ReadError> {
        let query = Query::verdict(code, gas);
        Box::pin(self.resolve(&query, BlockTag::Latest, self.deadline())).await.map(|answer| answer.verdict)
    }

    /// Requests the head of every provider that did not answer within `fresh`, to update [`status`](Self::status).
    pub async fn probe(&self, fresh: Duration) {
        let query = Query::aggregate(&self.config, &[]);
        let deadline = self.deadline();
        let stale = self.providers.iter().filter(|provider| !provider.answered_within(fresh));
        futures::future::join_all(stale.map(|provider| provider.query(&query, BlockTag::Latest, deadline)))
            .await;
    }

    /// Returns the known status of each provider; sends no request.
    pub fn status(&self) -> Vec<ProviderStatus> {
        self.providers.iter().map(Provider::status).collect()
    }

    /// Returns those of `contracts` that have no code, according to the first provider that answers.
    pub async fn without_code(&self, contracts: &[Address]) -> Result<Vec<Address>, ReadError> {
        let deadline = self.deadline();
        let mut problems = Vec::new();
        for provider in &self.providers {
            match provider.without_code(contracts, deadline).await {
                Ok(missing) => return Ok(missing),
                Err(error) => problems.push(provider.complaint(&error)),
            }
        }
        Err(ReadError::Unavailable(problems.join("; ")))
    }

    async fn resolve(&self, query: &Query<'_>, at: BlockTag, deadline: Instant) -> Result<Answer, ReadError> {
        let answer = if self.config.quorum == 1 {
            strategy::failover(&self.providers, &self.config, query, at, deadline).await?
        } else {
            let known = self.agreed_heads.at(at);
            let answer = strategy::quorum(&self.providers, &self.config, query, at, deadline).await?;
            self.agreed_heads.admit(at, answer.block, known, &self.config)?;
            answer
        };
        self.observer.head_seen(answer.block.age());
        Ok(answer)
    }
}

/// Returns host and port of a provider's address, for logs.
pub(crate) fn label_of(address: &str) -> String {
    reqwest::Url::parse(address).map_or_else(|_| "?".to_owned(), |url| config::label(&url))
}
