//! K of N: all are asked, and K equal answers count. Up to K - 1 liars cannot make an answer, and up to N - K
//! liars or failures cannot prevent one.

use std::collections::HashMap;
use std::time::Duration;

use alloy::primitives::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::{common_blocks, failure};
use crate::reader::agreed_heads::lag;
use crate::reader::call::At;
use crate::reader::config::ReaderConfig;
use crate::reader::error::{ProviderError, ReadError};
use crate::reader::provider::Provider;
use crate::reader::query::{Answer, Query};

/// How long a late provider may still bring agreement once a block is known that K have in common.
const GRACE: Duration = Duration::from_millis(200);

enum Round<'a> {
    Agreed(Answer),
    Split(Vec<u64>),
    Failed(Vec<(&'a Provider, ProviderError)>),
}

/// Providers are seldom at the very same head, so a split at the latest (or finalized, or safe) block is asked again
/// at one that all of them have.
pub(in crate::reader) async fn quorum(
    providers: &[Provider],
    config: &ReaderConfig,
    query: &Query<'_>,
    at: At,
    deadline: Instant,
) -> Result<Answer, ReadError> {
    let max_lag = lag(at, config.max_lag);
    let mut at = at;
    loop {
        match round(providers, config.quorum, max_lag, query, at, deadline).await {
            Round::Agreed(answer) => return Ok(answer),
            Round::Failed(failed) => return Err(failure(config, &failed)),
            Round::Split(heads) if !matches!(at, At::Block(_)) => {
                let apart =
                    || format!("no {} of their newest blocks {heads:?} are near each other", config.quorum);
                // The oldest, so that all who are near have it.
                let common = common_blocks(heads.clone(), config.quorum, max_lag).pop();
                at = At::Block(common.ok_or_else(|| ReadError::Disagreement(apart()))?);
            }
            Round::Split(heads) => {
                let text = format!("{} answers and no {} equal for one block", heads.len(), config.quorum);
                return Err(ReadError::Disagreement(text));
            }
        }
    }
}

async fn round<'a>(
    providers: &'a [Provider],
    quorum: usize,
    max_lag: u64,
    query: &Query<'_>,
    at: At,
    deadline: Instant,
) -> Round<'a> {
    let ask = |provider: &'a Provider| async move { (provider, provider.query(query, at, deadline).await) };
    let mut running: FuturesUnordered<_> = providers.iter().map(ask).collect();
    let mut votes: HashMap<Bytes, usize> = HashMap::new();
    let mut heads = Vec::new();
    let mut failed = Vec::new();
    let mut patience = deadline;
    loop {
        let next = tokio::select! {
            next = running.next() => next,
            () = sleep_until(patience), if heads.len() >= quorum => None,
        };
        match next {
            Some((_, Ok(answer))) => {
                let votes = votes.entry(answer.bytes.clone()).or_default();
                *votes += 1;
                if *votes >= quorum {
                    return Round::Agreed(answer);
                }
                heads.push(answer.block.number);
                // Until then one of the K may be a liar, and whoever is late shows which.
                if patience == deadline && !common_blocks(heads.clone(), quorum, max_lag).is_empty() {
                    patience = deadline.min(Instant::now() + GRACE);
                }
            }
            Some((provider, Err(error))) => {
                failed.push((provider, error));
                if failed.len() > providers.len() - quorum {
                    return Round::Failed(failed);
                }
            }
            None if heads.len() >= quorum => return Round::Split(heads),
            None => return Round::Failed(failed),
        }
    }
}
