//! The two forms of an `eth_call` that are in use.

use alloy::primitives::{Address, B256, Bytes, U256};

use super::call::{Block, Request, Snapshot};
use super::error::ProviderError;
use super::{ReaderConfig, wire};

/// An `eth_call`, not yet said to whom.
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
    Snapshots(&'a [&'a Request]),
    Verdict,
}

/// An answer that names its block. Two answers agree when their bytes do.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) bytes: Bytes,
    pub(super) chain_id: u64,
    pub(super) block: Block,
    /// One for each request; none when a verdict was asked for.
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) verdict: bool,
}

impl<'a> Query<'a> {
    pub(super) fn aggregate(config: &ReaderConfig, requests: &'a [&'a Request]) -> Self {
        let data = wire::encode(config.aggregator, requests);
        Self { to: Some(config.aggregator), data, gas: config.gas, expected: Expected::Snapshots(requests) }
    }

    pub(super) fn verdict(code: Bytes, gas: u64) -> Self {
        Self { to: None, data: code, gas, expected: Expected::Verdict }
    }

    /// Takes an answer apart. One that is not whole does not count, so that another provider may be asked.
    pub(super) fn parse(&self, bytes: Bytes) -> Result<Answer, ProviderError> {
        if bytes.is_empty() {
            return Err(self.to.map_or(ProviderError::Malformed("empty"), ProviderError::NoAggregator));
        }
        let malformed = ProviderError::Malformed("wrong shape");
        let (words, parts) = match self.expected {
            Expected::Snapshots(requests) => wire::decode(&bytes, requests).ok_or(malformed)?,
            Expected::Verdict => (wire::words::<5>(&bytes).ok_or(malformed)?, Vec::new()),
        };
        let [verdict, chain_id, number, timestamp, parent] = words;
        let known = (small(verdict), small(chain_id), small(number), small(timestamp));
        let (Some(verdict @ (0 | 1)), Some(chain_id), Some(number), Some(timestamp)) = known else {
            return Err(ProviderError::Malformed("number out of range"));
        };
        let block = Block { number, timestamp, parent };
        let snapshot = |wire::RequestResults { results, fragile }| Snapshot { block, results, fragile };
        let snapshots = parts.into_iter().map(snapshot).collect();
        Ok(Answer { bytes, chain_id, block, snapshots, verdict: verdict == 1 })
    }
}

fn small(word: B256) -> Option<u64> {
    u64::try_from(U256::from_be_bytes(word.0)).ok()
}
