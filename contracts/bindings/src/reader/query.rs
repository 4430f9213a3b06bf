//! The two forms of `eth_call`: an aggregate of reads, and creation code that returns a verdict.

use alloy::primitives::{Address, B256, Bytes, U256};

use super::call::{Block, ReadRequest, Snapshot};
use super::error::ProviderError;
use super::{ReaderConfig, aggregate3_codec};

/// An `eth_call`, independent of the provider.
#[derive(Debug)]
pub(super) struct Query<'a> {
    /// `None`: the data is creation code, run without being deployed.
    pub(super) to: Option<Address>,
    pub(super) data: Bytes,
    pub(super) gas: u64,
    expected: Expected<'a>,
}

#[derive(Debug)]
enum Expected<'a> {
    Snapshots(&'a [&'a ReadRequest]),
    Verdict,
}

/// An answer with its block. Two answers agree if their bytes are equal.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    pub(super) chain_id: u64,
    pub(super) block: Block,
    /// One per request; empty for a verdict.
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) verdict: bool,
}

impl<'a> Query<'a> {
    pub(super) fn aggregate(config: &ReaderConfig, requests: &'a [&'a ReadRequest]) -> Self {
        let data = aggregate3_codec::encode(config.aggregator, requests);
        Self { to: Some(config.aggregator), data, gas: config.gas, expected: Expected::Snapshots(requests) }
    }

    pub(super) fn verdict(code: Bytes, gas: u64) -> Self {
        Self { to: None, data: code, gas, expected: Expected::Verdict }
    }

    /// Parses an answer. An incomplete one is an error of the provider, so that another one is asked.
    pub(super) fn parse(&self, bytes: Bytes) -> Result<Answer, ProviderError> {
        if bytes.is_empty() {
            return Err(self.to.map_or(ProviderError::Malformed("empty"), ProviderError::NoAggregator));
        }
        let malformed = ProviderError::Malformed("wrong shape");
        let (words, parts) = match self.expected {
            Expected::Snapshots(requests) => aggregate3_codec::decode(&bytes, requests).ok_or(malformed)?,
            Expected::Verdict => (aggregate3_codec::words::<5>(&bytes).ok_or(malformed)?, Vec::new()),
        };
        let [verdict, chain_id, number, timestamp, parent] = words;
        let known = (small(verdict), small(chain_id), small(number), small(timestamp));
        let (Some(verdict @ (0 | 1)), Some(chain_id), Some(number), Some(timestamp)) = known else {
            return Err(ProviderError::Malformed("number out of range"));
        };
        let block = Block { number, timestamp, parent_hash: parent };
        let snapshot = |aggregate3_codec::RequestResults { results, isolated_results }| Snapshot {
            block,
            results,
            isolated_results,
        };
        let snapshots = parts.into_iter().map(snapshot).collect();
        Ok(Answer { bytes, chain_id, block, snapshots, verdict: verdict == 1 })
    }
}

fn small(word: B256) -> Option<u64> {
    u64::try_from(U256::from_be_bytes(word.0)).ok()
}
