//! K of N: all are asked, and K equal answers count. Up to K - 1 liars cannot make an answer, and up to N - K
//! liars or failures cannot prevent one.

use std::collections::HashMap;
use std::time::Duration;

use alloy::primitives::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::failure;
use crate::reader::call::At;
use crate::reader::config::ReaderConfig;
use crate::reader::error::{AskError, ReadError};
use crate::reader::provider::Provider;
use crate::reader::query::{Answer, Query};

/// How long a late provider may still bring agreement once K differing answers are there.
const GRACE: Duration = Duration::from_millis(200);

enum Round<'a> {
    Agreed(Answer),
    Split(Vec<u64>),
    Failed(Vec<(&'a Provider, AskError)>),
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
    let mut at = at;
    loop {
        match round(providers, config.quorum, query, at, deadline).await {
            Round::Agreed(answer) => return Ok(answer),
            Round::Failed(failed) => return Err(failure(config, &failed)),
            Round::Split(heads) if !matches!(at, At::Block(_)) => {
                at = At::Block(common_block(heads, config.quorum, config.max_lag));
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
    query: &Query<'_>,
    at: At,
    deadline: Instant,
) -> Round<'a> {
    let ask = |provider: &'a Provider| async move { (provider, provider.ask(query, at, deadline).await) };
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
                if heads.len() == quorum {
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

/// The block to ask for after a split: as new as possible, but one that every honest provider has.
///
/// At least one of the K highest heads is an honest one, so the K-th highest is no invention. Who is further
/// behind it than `max_lag` is left out, else a liar could lead back into the past.
fn common_block(mut heads: Vec<u64>, quorum: usize, max_lag: u64) -> u64 {
    heads.sort_unstable_by(|a, b| b.cmp(a));
    let reference = heads.get(quorum - 1).copied().unwrap_or_default();
    let near = heads.into_iter().filter(|head| head.saturating_add(max_lag) >= reference);
    near.min().unwrap_or(reference)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_common_block_is_the_lowest_head_near_the_top() {
        assert_eq!(common_block(vec![100, 101, 101], 2, 3), 100);
        assert_eq!(common_block(vec![100, 103], 2, 3), 100);
        assert_eq!(common_block(vec![100, 101, 9_000_000], 2, 3), 100, "an invented head is ignored");
        assert_eq!(common_block(vec![100, 101, 0], 2, 3), 100, "an ancient head is ignored");
        assert_eq!(common_block(vec![100, 101, 102, 0, 1], 3, 3), 100);
    }

    proptest! {
        /// With fewer liars than K, the block is one that an honest provider has, and at most `max_lag` older
        /// than the newest that K honest ones have.
        #[test]
        fn liars_lead_neither_ahead_nor_far_back(
            honest in prop::collection::vec(1000_u64..1003, 2..5),
            lies in prop::collection::vec(any::<u64>(), 0..2),
        ) {
            let quorum = 2;
            let all: Vec<_> = honest.iter().chain(&lies).copied().collect();
            let block = common_block(all, quorum, 3);
            prop_assert!(block <= *honest.iter().max().unwrap());
            let mut sorted = honest.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert!(block + 3 >= sorted[quorum - 1]);
        }
    }
}
