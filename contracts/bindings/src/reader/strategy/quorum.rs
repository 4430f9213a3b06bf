//! Quorum, K of N: all providers are asked, and K equal answers are valid. Up to K - 1 liars cannot forge an answer,
//! and up to N - K liars or failures cannot prevent one.

use std::collections::HashMap;
use std::time::Duration;

use alloy::primitives::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::{combined_error, common_blocks};
use crate::reader::agreed_heads::lag;
use crate::reader::call::BlockTag;
use crate::reader::config::ReaderConfig;
use crate::reader::error::{ProviderError, ReadError};
use crate::reader::provider::Provider;
use crate::reader::query::{Answer, Query};

/// Time that late providers have to bring agreement, once K providers have a block in common.
const AGREEMENT_GRACE: Duration = Duration::from_millis(200);

enum RoundOutcome<'a> {
    Agreed(Answer),
    Split(Vec<u64>),
    Failed(Vec<(&'a Provider, ProviderError)>),
}

/// Asks all providers. They seldom have the same head, so a split at a tag is repeated at a block that all of them
/// have.
pub(in crate::reader) async fn quorum(
    providers: &[Provider],
    config: &ReaderConfig,
    query: &Query<'_>,
    at: BlockTag,
    deadline: Instant,
) -> Result<Answer, ReadError> {
    let max_lag = lag(at, config.max_lag);
    let mut at = at;
    loop {
        match round(providers, config.quorum, max_lag, query, at, deadline).await {
            RoundOutcome::Agreed(answer) => return Ok(answer),
            RoundOutcome::Failed(failed) => return Err(combined_error(config, &failed)),
            RoundOutcome::Split(heads) if !matches!(at, BlockTag::Number(_)) => {
                let apart =
                    || format!("no {} of their newest blocks {heads:?} are near each other", config.quorum);
                // The oldest, so that all providers within the lag have it.
                let common = common_blocks(heads.clone(), config.quorum, max_lag).pop();
                at = BlockTag::Number(common.ok_or_else(|| ReadError::Disagreement(apart()))?);
            }
            RoundOutcome::Split(heads) => {
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
    at: BlockTag,
    deadline: Instant,
) -> RoundOutcome<'a> {
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
                    return RoundOutcome::Agreed(answer);
                }
                heads.push(answer.block.number);
                // One of the K may be a liar; a late provider decides.
                if patience == deadline && !common_blocks(heads.clone(), quorum, max_lag).is_empty() {
                    patience = deadline.min(Instant::now() + AGREEMENT_GRACE);
                }
            }
            Some((provider, Err(error))) => {
                failed.push((provider, error));
                if failed.len() > providers.len() - quorum {
                    return RoundOutcome::Failed(failed);
                }
            }
            None if heads.len() >= quorum => return RoundOutcome::Split(heads),
            None => return RoundOutcome::Failed(failed),
        }
    }
}
