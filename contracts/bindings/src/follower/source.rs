//! Source of blocks and logs: the reader's providers, one in order of preference or a quorum of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256, U64};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::change_batch::Cursor;
use super::effect::AddressEffects;
use super::events::{LogEffects, WATCHED_TOPICS};
use super::watched_contracts::WatchedContracts;
use crate::reader::{Reader, SingleProviderError, common_blocks};

/// Time limit of a header request to one provider.
const HEAD_REQUEST_TIMEOUT: Duration = Duration::from_millis(1500);
/// Time limit of a request for logs, which takes longer than one for a header.
const LOGS_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response with logs. A block full of transfers of one collection yields about half of it.
const MAX_LOGS_RESPONSE_BYTES: usize = 32 << 20;
const MAX_BLOCK_RESPONSE_BYTES: usize = 4 << 20;

/// The part of a block header that the follower needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

impl BlockHeader {
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { number: self.number.to(), hash: self.hash }
    }

    pub(super) fn is_child_of(&self, cursor: Cursor) -> bool {
        self.parent_hash == cursor.hash
    }

    fn age(&self) -> Duration {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp.to()));
        time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }
}

/// One poll: its head, and the providers that have this head.
#[derive(Debug)]
pub(super) struct PollRound {
    pub(super) head: BlockHeader,
    /// Contracts whose events are read.
    pub(super) contracts: Arc<[Address]>,
    providers: Vec<usize>,
}

/// Reads blocks and logs from the providers.
#[derive(Debug)]
pub(super) struct BlockSource {
    reader: Arc<Reader>,
    contracts: WatchedContracts,
    /// By provider: whether its chain was checked since its last failure.
    chain_checked: Vec<bool>,
    /// Index of the provider that is asked first.
    preferred: usize,
}

impl BlockSource {
    pub(super) fn new(reader: Arc<Reader>, contracts: WatchedContracts) -> Self {
        let checked = vec![false; reader.providers()];
        Self { reader, contracts, chain_checked: checked, preferred: 0 }
    }

    fn rotate_preferred(&mut self) {
        self.preferred = (self.preferred + 1) % self.chain_checked.len().max(1);
    }

    /// Prefers another provider that has blocks after `told`, if there is one. Returns whether there is.
    pub(super) async fn prefer_provider_ahead_of(&mut self, told: Option<Cursor>) -> bool {
        let (all, quorum) = (self.chain_checked.len(), self.reader.config().quorum);
        let Some(told) = told.filter(|_| quorum == 1) else { return false };
        for index in (1..all).map(|step| (self.preferred + step) % all).collect::<Vec<_>>() {
            let head = fetch_head(&self.reader, index, self.chain_checked[index]).await;
            self.chain_checked[index] = head.is_ok();
            if head.is_ok_and(|head| head.cursor().number > told.number) {
                self.preferred = index;
                return true;
            }
        }
        false
    }

    /// Maximum attempts of a poll: one per provider. With a quorum each attempt asks all of them.
    pub(super) fn max_attempts(&self) -> usize {
        if self.reader.config().quorum == 1 { self.chain_checked.len() } else { 1 }
    }

    /// Records that the preferred provider failed after it returned its head.
    pub(super) fn report_failure(&mut self) {
        if self.reader.config().quorum == 1 {
            self.chain_checked[self.preferred] = false;
            self.rotate_preferred();
        }
    }

    /// Returns a round for the newest block on which a quorum agrees.
    pub(super) async fn round(&mut self) -> Result<PollRound, String> {
        let round =
            if self.reader.config().quorum == 1 { self.first().await } else { self.round_by_quorum().await }?;
        self.reader.saw_head(round.head.age());
        Ok(round)
    }

    async fn first(&mut self) -> Result<PollRound, String> {
        let mut problems = Vec::new();
        for _ in 0..self.chain_checked.len() {
            let index = self.preferred;
            match fetch_head(&self.reader, index, self.chain_checked[index]).await {
                Ok(head) => {
                    self.chain_checked[index] = true;
                    return Ok(PollRound {
                        head,
                        contracts: self.contracts.snapshot(),
                        providers: vec![index],
                    });
                }
                Err(error) => {
                    self.chain_checked[index] = false;
                    problems.push(error.to_string());
                    self.rotate_preferred();
                }
            }
        }
        Err(problems.join("; "))
    }

    async fn round_by_quorum(&mut self) -> Result<PollRound, String> {
        let asked = (0..self.chain_checked.len())
            .map(|index| fetch_head(&self.reader, index, self.chain_checked[index]));
        let answers = futures::future::join_all(asked).await;
        let (mut heads, mut problems) = (Vec::new(), Vec::new());
        for (index, answer) in answers.into_iter().enumerate() {
            self.chain_checked[index] = answer.is_ok();
            match answer {
                Ok(head) => heads.push((index, head)),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let (quorum, max_lag) = (self.reader.config().quorum, self.reader.config().max_lag);
        if heads.len() < quorum {
            return Err(format!("{} of {quorum} providers answer: {}", heads.len(), problems.join("; ")));
        }
        let numbers: Vec<u64> = heads.iter().map(|(_, head)| head.cursor().number).collect();
        let mut problem = format!("no {quorum} of the newest blocks {numbers:?} are near each other");
        for target in common_blocks(numbers, quorum, max_lag) {
            let having = |head: &BlockHeader| head.cursor().number >= target;
            let providers = heads.iter().filter(|(_, head)| having(head)).map(|(index, _)| *index).collect();
            let ahead = heads.iter().filter(|(_, head)| head.cursor().number > target);
            let ahead: Vec<usize> = ahead.map(|(index, _)| *index).collect();
            let here = heads.iter().map(|(_, head)| *head).filter(|head| head.cursor().number == target);
            let votes = here.collect();
            match self.agree_on_block(&ahead, target, votes).await {
                Ok(head) => {
                    not_too_old(&self.reader, "the block that providers agree on", &head)?;
                    return Ok(PollRound { head, contracts: self.contracts.snapshot(), providers });
                }
                Err(why) => problem = why,
            }
        }
        Err(problem)
    }

    /// Returns the header of block `number` on which a quorum of the round's providers agrees.
    pub(super) async fn header(&self, round: &PollRound, number: u64) -> Result<BlockHeader, String> {
        self.agree_on_block(&round.providers, number, Vec::new()).await
    }

    /// Returns the header of block `number` on which a quorum of the `asked` providers agrees; `votes` holds the
    /// headers that other providers have returned already.
    async fn agree_on_block(
        &self,
        asked: &[usize],
        number: u64,
        mut votes: Vec<BlockHeader>,
    ) -> Result<BlockHeader, String> {
        let quorum = self.reader.config().quorum;
        let tag = json!(format!("{number:#x}"));
        let mut running: FuturesUnordered<_> =
            asked.iter().map(|&index| fetch_block(&self.reader, index, tag.clone())).collect();
        let mut problems = Vec::new();
        loop {
            let equal = |one: &&BlockHeader| votes.iter().filter(|other| other == one).count() >= quorum;
            if let Some(header) = votes.iter().find(equal) {
                return Ok(*header);
            }
            match running.next().await {
                Some(Ok(header)) if header.cursor().number == number => votes.push(header),
                Some(Ok(_)) => problems.push("another block than asked for".to_owned()),
                Some(Err(error)) => problems.push(error.to_string()),
                None if votes.len() < quorum => return Err(problems.join("; ")),
                None => return Err(format!("no {quorum} providers have the same block {number}")),
            }
        }
    }

    /// Returns whether any provider has this block.
    pub(super) async fn has_block(&self, at: Cursor) -> bool {
        let tag = json!(format!("{:#x}", at.number));
        let asked = (0..self.chain_checked.len()).map(|index| fetch_block(&self.reader, index, tag.clone()));
        let mut answers: FuturesUnordered<_> = asked.collect();
        while let Some(answer) = answers.next().await {
            if answer.is_ok_and(|header| header.cursor() == at) {
                return true;
            }
        }
        false
    }

    /// Maximum blocks that a provider may be behind the others.
    pub(super) fn max_lag(&self) -> u64 {
        self.reader.config().max_lag
    }

    /// Returns the effects of one block. It is requested by hash: a provider without the block returns an error,
    /// whereas a request by number would yield an empty list.
    pub(super) async fn effects_in_block(
        &self,
        round: &PollRound,
        block: B256,
    ) -> Result<AddressEffects, SingleProviderError> {
        self.query_effects(round, json!({ "blockHash": block }), Some(block)).await
    }

    /// Returns the effects of a range of blocks, which must be so old that every provider has them.
    pub(super) async fn effects_in_range(
        &self,
        round: &PollRound,
        from: u64,
        to: u64,
    ) -> Result<AddressEffects, SingleProviderError> {
        let range = json!({ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}") });
        self.query_effects(round, range, None).await
    }

    /// Returns the union of the effects that a quorum of the round's providers reports: one of those is honest, and a
    /// slow provider delays nothing.
    async fn query_effects(
        &self,
        round: &PollRound,
        mut filter: Value,
        block: Option<B256>,
    ) -> Result<AddressEffects, SingleProviderError> {
        filter["address"] = json!(&*round.contracts);
        filter["topics"] = json!([WATCHED_TOPICS]);
        let quorum = self.reader.config().quorum;
        let asked = round.providers.iter().map(|&index| self.query_effects_at(index, round, &filter, block));
        let mut running: FuturesUnordered<_> = asked.collect();
        let (mut all, mut answers, mut problems) = (AddressEffects::default(), 0, Vec::new());
        while answers < quorum && problems.len() + quorum <= round.providers.len() {
            match running.next().await {
                Some(Ok(touched)) => {
                    all.extend(touched);
                    answers += 1;
                }
                Some(Err(error)) => problems.push(error),
                None => break,
            }
        }
        if answers >= quorum {
            return Ok(all);
        }
        let too_large = problems.iter().find(|problem| matches!(problem, SingleProviderError::TooLarge(_)));
        let texts = || problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Err(too_large.cloned().unwrap_or_else(|| SingleProviderError::Failed(texts())))
    }

    /// Returns the effects that one provider reports.
    async fn query_effects_at(
        &self,
        index: usize,
        round: &PollRound,
        filter: &Value,
        block: Option<B256>,
    ) -> Result<AddressEffects, SingleProviderError> {
        let deadline = Instant::now() + LOGS_REQUEST_TIMEOUT;
        let logs: LogEffects = self
            .reader
            .call_provider(index, "eth_getLogs", json!([filter]), MAX_LOGS_RESPONSE_BYTES, deadline)
            .await?;
        if block.is_some_and(|block| !logs.belong_to_block(block)) {
            let text = format!("provider {}: events of another block than asked for", index + 1);
            return Err(SingleProviderError::Failed(text));
        }
        Ok(logs.effects_from(&round.contracts))
    }
}

async fn fetch_head(
    reader: &Reader,
    index: usize,
    checked: bool,
) -> Result<BlockHeader, SingleProviderError> {
    if !checked {
        reader.check_chain(index, Instant::now() + HEAD_REQUEST_TIMEOUT).await?;
    }
    let head = fetch_block(reader, index, json!("latest")).await?;
    not_too_old(reader, &format!("provider {}: its latest block", index + 1), &head)
        .map_err(SingleProviderError::Failed)?;
    Ok(head)
}

fn not_too_old(reader: &Reader, what: &str, head: &BlockHeader) -> Result<(), String> {
    let oldest = reader.config().max_head_age;
    if oldest.is_zero() || head.age() <= oldest {
        return Ok(());
    }
    Err(format!("{what} is {} s old", head.age().as_secs()))
}

async fn fetch_block(reader: &Reader, index: usize, tag: Value) -> Result<BlockHeader, SingleProviderError> {
    let (params, deadline) = (json!([tag, false]), Instant::now() + HEAD_REQUEST_TIMEOUT);
    let header: Option<BlockHeader> = reader
        .call_provider(index, "eth_getBlockByNumber", params, MAX_BLOCK_RESPONSE_BYTES, deadline)
        .await?;
    header.ok_or_else(|| SingleProviderError::Failed(format!("provider {}: has no such block", index + 1)))
}
