//! One provider: asks it, judges its answer, remembers how it went.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::{Address, Bytes, U64};
use reqwest::{Client, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::call::At;
use super::config::label;
use super::error::AskError;
use super::health::{Health, ProviderStatus};
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
    health: Mutex<Health>,
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

    /// Asks, unless it rests. Every answer that counts names the right chain and a block that is not too old.
    pub(super) async fn ask(&self, query: &Query<'_>, at: At, deadline: Instant) -> Result<Answer, AskError> {
        self.admit()?;
        let answer = self.confirmed(query, at, deadline).await;
        self.remember(&answer);
        answer
    }

    fn admit(&self) -> Result<(), AskError> {
        let mut health = self.health();
        if health.admit(Instant::now()) { Ok(()) } else { Err(AskError::Resting(health.trouble())) }
    }

    /// Until the chain is known it is asked for beside the call, not before it, which would take twice the time.
    async fn confirmed(&self, query: &Query<'_>, at: At, deadline: Instant) -> Result<Answer, AskError> {
        let call = self.eth_call(query, at, deadline);
        if self.health().chain_checked {
            return call.await;
        }
        let (answer, chain) = tokio::join!(call, self.exchange::<_, U64>("eth_chainId", json!([]), deadline));
        let chain = chain?.to::<u64>();
        if chain != self.chain_id {
            return Err(AskError::WrongChain(chain));
        }
        answer
    }

    async fn eth_call(&self, query: &Query<'_>, at: At, deadline: Instant) -> Result<Answer, AskError> {
        let block = match at {
            At::Latest => "latest".to_owned(),
            At::Finalized => "finalized".to_owned(),
            At::Safe => "safe".to_owned(),
            At::Block(number) => format!("{number:#x}"),
        };
        let mut call = json!({ "data": query.data, "gas": format!("{:#x}", query.gas) });
        if let Some(to) = query.to {
            call["to"] = json!(to);
        }
        let answer = query.parse(self.exchange("eth_call", json!([call, block]), deadline).await?)?;
        self.judge(answer, at)
    }

    fn judge(&self, answer: Answer, at: At) -> Result<Answer, AskError> {
        if answer.chain_id != self.chain_id {
            return Err(AskError::WrongChain(answer.chain_id));
        }
        if matches!(at, At::Block(number) if number != answer.block.number) {
            return Err(AskError::Malformed("answers for another block"));
        }
        let age = answer.block.age();
        if at == At::Latest && !self.max_head_age.is_zero() && age > self.max_head_age {
            return Err(AskError::Behind(format!("its latest block is {} s old", age.as_secs())));
        }
        Ok(answer)
    }

    pub(super) async fn without_code(
        &self,
        contracts: &[Address],
        deadline: Instant,
    ) -> Result<Vec<Address>, AskError> {
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
    ) -> Result<R, AskError>
    where
        P: Serialize + Sync,
        R: DeserializeOwned,
    {
        self.exchange_within(method, params, self.max_response, deadline).await
    }

    /// One call whose answer has at most `limit` bytes.
    pub(super) async fn exchange_within<P, R>(
        &self,
        method: &'static str,
        params: P,
        limit: usize,
        deadline: Instant,
    ) -> Result<R, AskError>
    where
        P: Serialize + Sync,
        R: DeserializeOwned,
    {
        let started = Instant::now();
        let mut told = Told { provider: self, method, started, outcome: "cancelled" };
        let answered = rpc::exchange(&self.http, &self.url, method, params, limit);
        let result = within(deadline, answered).await.and_then(|raw| {
            serde_json::from_str(raw.get()).map_err(|_| AskError::Malformed("result of the wrong type"))
        });
        told.outcome = result.as_ref().map_or_else(AskError::outcome, |_| "ok");
        result
    }

    fn remember(&self, answer: &Result<Answer, AskError>) {
        let now = Instant::now();
        match answer {
            Ok(answer) => self.health().succeeded(now, answer.block),
            // What the chain makes of a call says nothing against who told it.
            Err(AskError::Execution(_)) => {}
            Err(error) => {
                let grave = matches!(
                    error,
                    AskError::WrongChain(_) | AskError::NoAggregator(_) | AskError::Behind(_)
                );
                tracing::debug!(provider = %self.label, %error, "Ethereum provider failed");
                self.health().failed(now, error.to_string(), grave);
            }
        }
    }

    /// Head of this provider, if it was seen at most `age` ago.
    pub(super) fn recent_head(&self, age: Duration) -> Option<u64> {
        let head = self.health().head;
        head.filter(|(_, seen)| seen.elapsed() <= age).map(|(block, _)| block.number)
    }

    pub(super) fn set_behind(&self, number: u64, reference: u64) -> AskError {
        let error = AskError::Behind(format!("at block {number} when others are at {reference}"));
        self.health().failed(Instant::now(), error.to_string(), true);
        error
    }

    /// Another one answered first, although this one was asked long before.
    pub(super) fn set_slow(&self) {
        self.health().failed(Instant::now(), "slower than the others".to_owned(), false);
    }

    pub(super) fn answered_within(&self, age: Duration) -> bool {
        let health = self.health();
        health.chain_checked && health.head.is_some_and(|(_, seen)| seen.elapsed() <= age)
    }

    pub(super) fn complaint(&self, error: &AskError) -> String {
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

    fn health(&self) -> MutexGuard<'_, Health> {
        // The state is plain numbers, whole at every moment.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, AskError>>,
) -> Result<T, AskError> {
    timeout_at(deadline, work).await.unwrap_or(Err(AskError::Timeout))
}

/// Tells the observer once, also when the call is dropped.
struct Told<'a> {
    provider: &'a Provider,
    method: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let provider = self.provider;
        provider.observer.call_ended(&provider.label, self.method, self.outcome, self.started.elapsed());
    }
}
