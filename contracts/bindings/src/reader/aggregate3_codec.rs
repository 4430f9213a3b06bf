//! Encoding of `aggregate3`. Decoding is by hand and strict: a hostile answer may neither share bytes between
//! results (which would multiply its size in memory) nor leave anything unread.

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;

use super::call::{Call, CallResult, ReadRequest};
use crate::multicall::IMulticall3;

/// Calls before those of the requests: chain id, block number, time and parent hash.
const HEADER_CALLS: usize = 4;

/// Results of one request.
#[derive(Debug)]
pub(super) struct RequestResults {
    pub(super) results: Vec<CallResult>,
    pub(super) isolated_results: Option<Vec<CallResult>>,
}

/// Encodes the header calls, the calls of each request, then the isolated calls of each request in an aggregate of
/// their own.
pub(super) fn encode(aggregator: Address, requests: &[&ReadRequest]) -> Bytes {
    let stamps = [
        Call::new(aggregator, &IMulticall3::getChainIdCall {}),
        Call::new(aggregator, &IMulticall3::getBlockNumberCall {}),
        Call::new(aggregator, &IMulticall3::getCurrentBlockTimestampCall {}),
        Call::new(aggregator, &IMulticall3::getLastBlockHashCall {}),
    ];
    let own = requests.iter().flat_map(|request| &request.calls);
    let mut calls: Vec<_> = stamps.iter().chain(own).map(call3).collect();
    for request in requests.iter().filter(|request| !request.isolated_calls.is_empty()) {
        let inner = IMulticall3::aggregate3Call { calls: request.isolated_calls.iter().map(call3).collect() };
        calls.push(call3(&Call::new(aggregator, &inner)));
    }
    IMulticall3::aggregate3Call { calls }.abi_encode().into()
}

fn call3(call: &Call) -> IMulticall3::Call3 {
    IMulticall3::Call3 { target: call.target, allowFailure: true, callData: call.data.clone() }
}

/// Decodes a leading zero with the values of the header calls, and the results of each request; `None` if the answer is
/// malformed.
pub(super) fn decode(answer: &Bytes, requests: &[&ReadRequest]) -> Option<([B256; 5], Vec<RequestResults>)> {
    let mut results = results(answer)?.into_iter();
    let facts = facts(&results.by_ref().take(HEADER_CALLS).collect::<Vec<_>>())?;
    let mut parts = Vec::with_capacity(requests.len());
    for request in requests {
        let own = results.by_ref().take(request.calls.len()).collect();
        parts
            .push(RequestResults { results: pair(&request.calls, own)?, isolated_results: Some(Vec::new()) });
    }
    for (request, part) in
        requests.iter().zip(&mut parts).filter(|(request, _)| !request.isolated_calls.is_empty())
    {
        part.isolated_results = match results.next()? {
            (true, data) => Some(pair(&request.isolated_calls, self::results(&data)?)?),
            (false, _) => None,
        };
    }
    results.next().is_none().then_some((facts, parts))
}

fn facts(stamps: &[(bool, Bytes)]) -> Option<[B256; 5]> {
    if stamps.len() != HEADER_CALLS {
        return None;
    }
    let mut facts = [B256::ZERO; 5];
    for (fact, (success, data)) in facts[1..].iter_mut().zip(stamps) {
        let [word] = words::<1>(data)?;
        *fact = success.then_some(word)?;
    }
    Some(facts)
}

fn pair(calls: &[Call], results: Vec<(bool, Bytes)>) -> Option<Vec<CallResult>> {
    if calls.len() != results.len() {
        return None;
    }
    let together = calls.iter().zip(results);
    Some(together.map(|(call, (success, data))| CallResult { target: call.target, success, data }).collect())
}

/// Splits `data` into exactly `N` words.
pub(super) fn words<const N: usize>(data: &Bytes) -> Option<[B256; N]> {
    let (words, rest) = data.as_chunks::<32>();
    let words: [[u8; 32]; N] = words.try_into().ok()?;
    rest.is_empty().then(|| words.map(B256::from))
}

/// `(bool, bytes)[]` in the one layout that Solidity writes: parts in order, without gaps, padded with zeros.
fn results(answer: &Bytes) -> Option<Vec<(bool, Bytes)>> {
    if word(answer, 0)? != 32 {
        return None;
    }
    let count = word(answer, 32)?;
    let heads = 64_usize;
    let mut expected = count.checked_mul(32)?;
    // A result takes four words, so a count that cannot be true is refused before memory is set aside for it.
    if count > answer.len() / 128 {
        return None;
    }
    let mut list = Vec::with_capacity(count);
    for index in 0..count {
        if word(answer, heads + 32 * index)? != expected {
            return None;
        }
        let start = heads + expected;
        let success = word(answer, start)?;
        let (true, length) = (word(answer, start + 32)? == 64, word(answer, start + 64)?) else {
            return None;
        };
        let data_start = start + 96;
        let data_end = data_start.checked_add(length)?;
        let padded_end = data_start.checked_add(length.checked_next_multiple_of(32)?)?;
        let padding = answer.get(data_end..padded_end)?;
        if success > 1 || padding.iter().any(|&byte| byte != 0) {
            return None;
        }
        list.push((success == 1, answer.slice(data_start..data_end)));
        expected = padded_end - heads;
    }
    (heads + expected == answer.len()).then_some(list)
}

/// The word at `offset` as a size that fits into memory.
fn word(data: &Bytes, offset: usize) -> Option<usize> {
    let word: [u8; 32] = data.get(offset..offset.checked_add(32)?)?.try_into().ok()?;
    let (high, low) = word.split_at(28);
    let low = u32::from_be_bytes(low.try_into().ok()?);
    high.iter().all(|&byte| byte == 0).then(|| usize::try_from(low).ok())?
}

#[cfg(test)]
mod tests;
