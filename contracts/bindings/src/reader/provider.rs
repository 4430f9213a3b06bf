//! One provider: sends requests, validates answers, records health.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::{Address, Bytes, U64};
use reqwest::{Client, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::call::BlockTag;
use super::config::label;
use super::error::ProviderError;
use super::health::{ProviderHealth, ProviderStatus};
use super::observer::Observer;
use super::query::{Answer, Query};
use super::{ReaderConfig, rpc};

pub(super) struct Provider {
    url: Url,
    label: String,
    http: Client,
    chain_id: u64,
    max_response: usize,
    max_head_age: Duration,
    observer: Arc<dyn Observer>,
    health: Mutex<ProviderHealth>,
}

impl Provider {
    pub(super) fn new(url: Url, http: Client, config: &ReaderConfig, observer: Arc<dyn Observer>) -> Self {
        Self {
            label: label(&url),
            url,
            http,
            chain_id: config.chain_id,
            max_response: config.max_response,
            max_head_age: config.max_head_age,
            observer,
            health: Mutex::default(),
        }
    }

    /// Sends `query` unless the circuit is open. A valid answer names the right chain and a block that is not too old.
    pub(super) async fn query(
        &self,
        query: &Query<'_>,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        self.check_circuit()?;
        let answer = self.confirmed(query, at, deadline).await;
        self.record(&answer);
        answer
    }

    fn check_circuit(&self) -> Result<(), ProviderError> {
        let mut health = self.health();
        if health.allow_request(Instant::now()) {
            Ok(())
        } else {
            Err(ProviderError::CircuitOpen(health.trouble()))
        }
    }

    /// Sends the call; until the chain is checked, also requests the chain id concurrently.
    async fn confirmed(
        &self,
        query: &Query<'_>,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let call = self.eth_call(query, at, deadline);
        if self.health().chain_checked {
            return call.await;
        }
        let (answer, chain) = tokio::join!(call, self.exchange::<_, U64>("eth_chainId", json!([]), deadline));
        let chain = chain?.to::<u64>();
        if chain != self.chain_id {
            return Err(ProviderError::WrongChain(chain));
        }
        answer
    }

    async fn eth_call(
        &self,
        query: &Query<'_>,
        at: BlockTag,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let block = match at {
            BlockTag::Latest => "latest".to_owned(),
            BlockTag::Finalized => "finalized".to_owned(),
            BlockTag::Safe => "safe".to_owned(),
            BlockTag::Number(number) => format!("{number:#x}"),
        };
        let mut call = json!({ "data": query.data, "gas": format!("{:#x}", query.gas) });
        if let Some(to) = query.to {
            call["to"] = json!(to);
        }
        let answer = query.parse(self.exchange("eth_call", json!([call, block]), deadline).await?)?;
        self.validate(answer, at)
    }

    fn validate(&self, answer: Answer, at: BlockTag) -> Result<Answer, ProviderError> {
        if answer.chain_id != self.chain_id {
            return Err(ProviderError::WrongChain(answer.chain_id));
        }
        if matches!(at, BlockTag::Number(number) if number != answer.block.number) {
            return Err(ProviderError::Malformed("answers for another block"));
        }
        let age = answer.block.age();
        if at == BlockTag::Latest && !self.max_head_age.is_zero() && age > self.max_head_age {
            return Err(ProviderError::Behind(format!("its latest block is {} s old", age.as_secs())));
        }
        Ok(answer)
    }

    pub(super) async fn without_code(
        &self,
        contracts: &[Address],
        deadline: Instant,
    ) -> Result<Vec<Address>, ProviderError> {
        let codes = contracts
            .iter()
            .map(|contract| self.exchange::<_, Bytes>("eth_getCode", json!([contract, "latest"]), deadline));
        let codes = futures::future::try_join_all(codes).await?;
        Ok(contracts.iter().zip(codes).filter(|(_, code)| code.is_empty()).map(|(&at, _)| at).collect())
    }

    pub(super) async fn exchange<P, R>(
        &self,
        method: &'static str,
        params: P,
        deadline: Instant,
    ) -> Result<R, ProviderError>
    where
        P: Serialize + Sync,
        R: DeserializeOwned,
    {
        self.exchange_within(method, params, self.max_response, deadline).await
    }

    /// Sends one request whose response has at most `limit` bytes.
    pub(super) async fn exchange_within<P, R>(
        &self,
        method: &'static str,
        params: P,
        limit: usize,
        deadline: Instant,
    ) -> Result<R, ProviderError>
    where
        P: Serialize + Sync,
        R: DeserializeOwned,
    {
        let started = Instant::now();
        let mut told = ObserverGuard { provider: self, method, started, outcome: "cancelled" };
        let answered = rpc::exchange(&self.http, &self.url, method, params, limit);
        let result = within(deadline, answered).await.and_then(|raw| {
            serde_json::from_str(raw.get()).map_err(|_| ProviderError::Malformed("result of the wrong type"))
        });
        told.outcome = result.as_ref().map_or_else(ProviderError::outcome, |_| "ok");
        result
    }

    fn record(&self, answer: &Result<Answer, ProviderError>) {
        let now = Instant::now();
        match answer {
            Ok(answer) => self.health().record_success(now, answer.block),
            // A call that fails on the chain is no fault of the provider.
            Err(ProviderError::Execution(_)) => {}
            Err(error) => {
                let grave = matches!(
                    error,
                    ProviderError::WrongChain(_) | ProviderError::NoAggregator(_) | ProviderError::Behind(_)
                );
                tracing::debug!(provider = %self.label, %error, "Ethereum provider failed");
                self.health().record_failure(now, error.to_string(), grave);
            }
        }
    }

    /// Returns the head of this provider if it was seen at most `age` ago.
    pub(super) fn recent_head(&self, age: Duration) -> Option<u64> {
        let head = self.health().head;
        head.filter(|(_, seen)| seen.elapsed() <= age).map(|(block, _)| block.number)
    }

    pub(super) fn set_behind(&self, number: u64, reference: u64) -> ProviderError {
        let error = ProviderError::Behind(format!("at block {number} when others are at {reference}"));
        self.health().record_failure(Instant::now(), error.to_string(), true);
        error
    }

    /// Records that another provider answered first, although this one was asked long before.
    pub(super) fn set_slow(&self) {
        self.health().record_failure(Instant::now(), "slower than the others".to_owned(), false);
    }

    pub(super) fn answered_within(&self, age: Duration) -> bool {
        let health = self.health();
        health.chain_checked && health.head.is_some_and(|(_, seen)| seen.elapsed() <= age)
    }

    pub(super) fn complaint(&self, error: &ProviderError) -> String {
        format!("{}: {error}", self.label)
    }

    pub(super) fn status(&self) -> ProviderStatus {
        let health = self.health();
        ProviderStatus {
            provider: self.label.clone(),
            chain_checked: health.chain_checked,
            head: health.head.map(|(block, _)| block),
            problem: health.problem(Instant::now()),
        }
    }

    fn health(&self) -> MutexGuard<'_, ProviderHealth> {
        // Poisoning is harmless: no partial state is visible.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    timeout_at(deadline, work).await.unwrap_or(Err(ProviderError::Timeout))
}

/// Notifies the observer once, also when the call is dropped.
struct ObserverGuard<'a> {
    provider: &'a Provider,
    method: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl Drop for ObserverGuard<'_> {
    fn drop(&mut self) {
        let provider = self.provider;
        provider.observer.call_ended(&provider.label, self.method, self.outcome, self.started.elapsed());
    }
}
