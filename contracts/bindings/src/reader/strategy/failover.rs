//! Failover: providers are asked in order of preference, the next one also when the one before fails or is slow. The
//! first valid answer counts; an error never wins over an answer.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::combined_error;
use crate::reader::call::BlockTag;
use crate::reader::config::ReaderConfig;
use crate::reader::error::{ProviderError, ReadError};
use crate::reader::provider::Provider;
use crate::reader::query::{Answer, Query};

/// Maximum age of a provider's head that the others are compared with.
const MAX_HEAD_AGE: Duration = Duration::from_secs(60);

pub(in crate::reader) async fn failover(
    providers: &[Provider],
    config: &ReaderConfig,
    query: &Query<'_>,
    at: BlockTag,
    deadline: Instant,
) -> Result<Answer, ReadError> {
    let mut waiting = providers.iter();
    let mut running = FuturesUnordered::new();
    let mut asked: Vec<(&Provider, Instant)> = Vec::new();
    let mut failed = Vec::new();
    loop {
        if let Some(provider) = waiting.next() {
            asked.push((provider, Instant::now()));
            running.push(async move { (provider, provider.query(query, at, deadline).await) });
        } else if running.is_empty() {
            return Err(combined_error(config, &failed));
        }
        let more = waiting.len() > 0;
        let (provider, result) = tokio::select! {
            Some(ended) = running.next() => ended,
            () = sleep(config.hedge_delay), if more => continue,
        };
        asked.retain(|(other, _)| !std::ptr::eq(*other, provider));
        match result.and_then(|answer| not_behind(providers, provider, answer, at, config.max_lag)) {
            Ok(answer) => {
                let slow = asked.iter().filter(|(_, since)| since.elapsed() >= config.hedge_delay);
                slow.for_each(|(other, _)| other.set_slow());
                return Ok(answer);
            }
            Err(error) => failed.push((provider, error)),
        }
    }
}

/// Compares the answer with recent heads of the other providers. Requires honest providers, as a quorum of 1 assumes.
fn not_behind(
    providers: &[Provider],
    provider: &Provider,
    answer: Answer,
    at: BlockTag,
    max_lag: u64,
) -> Result<Answer, ProviderError> {
    let others = providers.iter().filter(|other| !std::ptr::eq(*other, provider));
    let reference = others.filter_map(|other| other.recent_head(MAX_HEAD_AGE)).max();
    match reference {
        Some(reference)
            if at == BlockTag::Latest && answer.block.number.saturating_add(max_lag) < reference =>
        {
            Err(provider.set_behind(answer.block.number, reference))
        }
        _ => Ok(answer),
    }
}
