//! What is asked, and what comes back.

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

/// Everything of one read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What the read is for. Costs little, whoever is asked about.
    pub calls: Vec<Call>,
    /// Calls whose cost strangers can drive up (lists that anybody may append to). They run in an aggregate of
    /// their own after the others: when they use up the gas, `calls` are answered all the same.
    pub fragile: Vec<Call>,
    /// Gas that `calls` and `fragile` need when nobody drove it up. With a number here the read may share its
    /// `eth_call` with others; zero keeps it alone.
    pub gas: u64,
}

/// Which state is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest that the providers have.
    Latest,
    /// The newest that cannot be undone any more.
    Finalized,
    /// The newest that is unlikely to be undone.
    Safe,
    /// After the block of this number.
    Block(u64),
}

/// The block whose state answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its time, in seconds.
    pub timestamp: u64,
    /// Hash of the block before it: together with the number it tells branches apart.
    pub parent: B256,
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
    /// The answer, which must be there and must be exactly what the interface says.
    pub fn decode<C: SolCall>(&self) -> Result<C::Return, ReadError> {
        self.optional::<C>().ok_or(ReadError::Contract { contract: self.target, function: C::SIGNATURE })
    }

    /// The answer, or nothing when the call failed or answered nonsense.
    pub fn optional<C: SolCall>(&self) -> Option<C::Return> {
        if !self.success {
            return None;
        }
        C::abi_decode_returns_validate(&self.data).ok()
    }
}

/// All answers of one read, from one block.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The block.
    pub block: Block,
    /// One for each of [`Request::calls`], in their order.
    pub results: Vec<CallResult>,
    /// One for each of [`Request::fragile`]; `None` when they were too expensive together.
    pub fragile: Option<Vec<CallResult>>,
}
