//! Requests and results of a read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;

use super::ReadError;

/// One call within a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub(super) target: Address,
    pub(super) data: Bytes,
}

impl Call {
    /// Calls `contract`.
    pub fn new<C: SolCall>(contract: Address, call: &C) -> Self {
        Self { target: contract, data: call.abi_encode().into() }
    }
}

/// All calls of one read.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest {
    /// Calls with a low, bounded cost.
    pub calls: Vec<Call>,
    /// Calls whose cost others can drive up, such as lists that anyone may append to. They run in an aggregate of
    /// their own after `calls`: if they use up the gas, `calls` are answered all the same.
    pub isolated_calls: Vec<Call>,
    /// Gas that `calls` and `isolated_calls` need normally. If positive, the read may share its `eth_call` with
    /// others; zero gives it an `eth_call` of its own.
    pub gas_estimate: u64,
}

/// State that a read uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockTag {
    /// The newest block.
    Latest,
    /// The newest finalized block.
    Finalized,
    /// The newest block that is unlikely to be undone.
    Safe,
    /// The block of this number.
    Number(u64),
}

/// Block whose state a read used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Block number.
    pub number: u64,
    /// Block time, in Unix seconds.
    pub timestamp: u64,
    /// Hash of the previous block: together with the number it distinguishes branches.
    pub parent_hash: B256,
}

impl Block {
    /// Time since this block by the local clock; zero for a block of the future.
    pub fn age(&self) -> Duration {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp));
        time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }
}

/// The outcome of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    pub(super) target: Address,
    pub(super) success: bool,
    pub(super) data: Bytes,
}

impl CallResult {
    /// Decodes the result strictly. A failed call or another form is an error.
    pub fn decode<C: SolCall>(&self) -> Result<C::Return, ReadError> {
        self.optional::<C>().ok_or(ReadError::Contract { contract: self.target, function: C::SIGNATURE })
    }

    /// Decodes the result; `None` if the call failed or the result has another form.
    pub fn optional<C: SolCall>(&self) -> Option<C::Return> {
        if !self.success {
            return None;
        }
        C::abi_decode_returns_validate(&self.data).ok()
    }
}

/// All results of one read, from one block.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The block.
    pub block: Block,
    /// Results of [`ReadRequest::calls`], in their order.
    pub results: Vec<CallResult>,
    /// One for each of [`ReadRequest::isolated_calls`]; `None` if they exceeded the gas together.
    pub isolated_results: Option<Vec<CallResult>>,
}
