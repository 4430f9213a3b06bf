//! Events of a range of settled blocks on which K of N providers agree.

use alloy::primitives::{Address, B256, Bytes, U64};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::ProviderError;
use super::provider::Provider;
use super::{ReadError, Reader};

/// Selects events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFilter {
    /// Contract that emitted the events.
    pub address: Address,
    /// First topic of the events.
    pub topic: B256,
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// Contract that emitted the event.
    pub address: Address,
    /// Signature and indexed values.
    pub topics: Vec<B256>,
    /// Other values.
    pub data: Bytes,
    /// Number of the block that contains the event.
    pub block_number: U64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Index in the block.
    pub log_index: U64,
}

impl LogFilter {
    /// Returns the parameters of `eth_getLogs`.
    fn params(&self) -> Value {
        json!([{
            "address": self.address,
            "topics": [self.topic],
            "fromBlock": format!("{:#x}", self.from),
            "toBlock": format!("{:#x}", self.to),
        }])
    }

    /// Returns whether the filter selects `log`.
    fn admits(&self, log: &Log) -> bool {
        let block = log.block_number.to::<u64>();
        log.address == self.address
            && log.topics.first() == Some(&self.topic)
            && (self.from..=self.to).contains(&block)
    }
}

impl Provider {
    async fn logs(&self, filter: &LogFilter, deadline: Instant) -> Result<Vec<Log>, ProviderError> {
        let logs: Vec<Log> = self.exchange("eth_getLogs", filter.params(), deadline).await?;
        if logs.iter().all(|log| filter.admits(log)) {
            Ok(logs)
        } else {
            Err(ProviderError::Malformed("events that were not asked for"))
        }
    }
}

impl Reader {
    /// Returns the events of `filter` that K providers report equally. For blocks that may still be undone, they may
    /// differ.
    pub async fn logs(&self, filter: &LogFilter) -> Result<Vec<Log>, ReadError> {
        let deadline = self.deadline();
        let quorum = self.config.quorum;
        let question = |provider| async move { (provider, Provider::logs(provider, filter, deadline).await) };
        // With a quorum of 1 sequential, else concurrent.
        let mut waiting = self.providers.iter();
        let at_once = if quorum == 1 { 1 } else { self.providers.len() };
        let mut running: FuturesUnordered<_> = waiting.by_ref().take(at_once).map(question).collect();
        let mut answers: Vec<Vec<Log>> = Vec::new();
        let mut problems = Vec::new();
        while let Some((provider, answer)) = running.next().await {
            match answer {
                Ok(logs) if 1 + answers.iter().filter(|&known| *known == logs).count() >= quorum => {
                    return Ok(logs);
                }
                Ok(logs) => answers.push(logs),
                Err(error) => {
                    problems.push(provider.complaint(&error));
                    running.extend(waiting.next().map(question));
                }
            }
        }
        if answers.len() >= quorum {
            let text = format!("{} lists of events and no {quorum} equal", answers.len());
            return Err(ReadError::Disagreement(text));
        }
        Err(ReadError::Unavailable(problems.join("; ")))
    }
}
