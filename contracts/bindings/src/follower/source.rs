//! Where blocks and logs come from: the reader's providers, one in order of preference, or as many as must agree.

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
use super::events::{Logs, WATCHED_TOPICS};
use super::watched_contracts::WatchedContracts;
use crate::reader::{Reader, SingleProviderError, common_blocks};

/// One provider may take so long before the next one is asked.
const HEAD_REQUEST_TIMEOUT: Duration = Duration::from_millis(1500);
/// Logs take longer than heads.
const LOGS_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A block that is full of transfers of one collection gives about half of this.
const MAX_LOGS_RESPONSE_BYTES: usize = 32 << 20;
const MAX_BLOCK_RESPONSE_BYTES: usize = 4 << 20;

/// The part of a block's head that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

impl BlockHeader {
    pub(super) fn at(&self) -> Cursor {
        Cursor { number: self.number.to(), hash: self.hash }
    }

    pub(super) fn follows(&self, cursor: Cursor) -> bool {
        self.parent_hash == cursor.hash
    }

    fn age(&self) -> Duration {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(self.timestamp.to()));
        time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
    }
}

/// Providers that are asked in one round, all of which say that they have the head.
#[derive(Debug)]
pub(super) struct PollRound {
    pub(super) head: BlockHeader,
    /// Whose events are read in it.
    pub(super) contracts: Arc<[Address]>,
    providers: Vec<usize>,
}

/// Asks the providers.
#[derive(Debug)]
pub(super) struct BlockSource {
    reader: Arc<Reader>,
    contracts: WatchedContracts,
    /// Seen to be on the right chain since its last failure.
    checked: Vec<bool>,
    /// The one that is asked first.
    lead: usize,
}

impl BlockSource {
    pub(super) fn new(reader: Arc<Reader>, contracts: WatchedContracts) -> Self {
        let checked = vec![false; reader.providers()];
        Self { reader, contracts, checked, lead: 0 }
    }

    fn rotate_preferred(&mut self) {
        self.lead = (self.lead + 1) % self.checked.len().max(1);
    }

    /// Has another one lead if it has blocks after `told`, which the one that leads lacks; whether there is one.
    pub(super) async fn prefer_provider_ahead_of(&mut self, told: Option<Cursor>) -> bool {
        let (all, quorum) = (self.checked.len(), self.reader.config().quorum);
        let Some(told) = told.filter(|_| quorum == 1) else { return false };
        for index in (1..all).map(|step| (self.lead + step) % all).collect::<Vec<_>>() {
            let head = head(&self.reader, index, self.checked[index]).await;
            self.checked[index] = head.is_ok();
            if head.is_ok_and(|head| head.at().number > told.number) {
                self.lead = index;
                return true;
            }
        }
        false
    }

    /// How often is tried before nobody is left who might do better. With a quorum all are asked each time.
    pub(super) fn attempts(&self) -> usize {
        if self.reader.config().quorum == 1 { self.checked.len() } else { 1 }
    }

    /// The one that leads told its newest block, and then gave no more.
    pub(super) fn report_failure(&mut self) {
        if self.reader.config().quorum == 1 {
            self.checked[self.lead] = false;
            self.rotate_preferred();
        }
    }

    /// The newest block that as many providers have as must agree.
    pub(super) async fn round(&mut self) -> Result<PollRound, String> {
        let round =
            if self.reader.config().quorum == 1 { self.first().await } else { self.round_by_quorum().await }?;
        self.reader.saw_head(round.head.age());
        Ok(round)
    }

    async fn first(&mut self) -> Result<PollRound, String> {
        let mut problems = Vec::new();
        for _ in 0..self.checked.len() {
            let index = self.lead;
            match head(&self.reader, index, self.checked[index]).await {
                Ok(head) => {
                    self.checked[index] = true;
                    return Ok(PollRound {
                        head,
                        contracts: self.contracts.snapshot(),
                        providers: vec![index],
                    });
                }
                Err(error) => {
                    self.checked[index] = false;
                    problems.push(error.to_string());
                    self.rotate_preferred();
                }
            }
        }
        Err(problems.join("; "))
    }

    async fn round_by_quorum(&mut self) -> Result<PollRound, String> {
        let asked = (0..self.checked.len()).map(|index| head(&self.reader, index, self.checked[index]));
        let answers = futures::future::join_all(asked).await;
        let (mut heads, mut problems) = (Vec::new(), Vec::new());
        for (index, answer) in answers.into_iter().enumerate() {
            self.checked[index] = answer.is_ok();
            match answer {
                Ok(head) => heads.push((index, head)),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let (quorum, max_lag) = (self.reader.config().quorum, self.reader.config().max_lag);
        if heads.len() < quorum {
            return Err(format!("{} of {quorum} providers answer: {}", heads.len(), problems.join("; ")));
        }
        let numbers: Vec<u64> = heads.iter().map(|(_, head)| head.at().number).collect();
        let mut problem = format!("no {quorum} of the newest blocks {numbers:?} are near each other");
        for target in common_blocks(numbers, quorum, max_lag) {
            let having = |head: &BlockHeader| head.at().number >= target;
            let providers = heads.iter().filter(|(_, head)| having(head)).map(|(index, _)| *index).collect();
            let ahead = heads.iter().filter(|(_, head)| head.at().number > target);
            let ahead: Vec<usize> = ahead.map(|(index, _)| *index).collect();
            let here = heads.iter().map(|(_, head)| *head).filter(|head| head.at().number == target);
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

    /// A block by number, as those of the round who must agree have it.
    pub(super) async fn header(&self, round: &PollRound, number: u64) -> Result<BlockHeader, String> {
        self.agree_on_block(&round.providers, number, Vec::new()).await
    }

    /// What as many as must agree have under this number, `votes` being what some have said already.
    async fn agree_on_block(
        &self,
        asked: &[usize],
        number: u64,
        mut votes: Vec<BlockHeader>,
    ) -> Result<BlockHeader, String> {
        let quorum = self.reader.config().quorum;
        let tag = json!(format!("{number:#x}"));
        let mut running: FuturesUnordered<_> =
            asked.iter().map(|&index| block(&self.reader, index, tag.clone())).collect();
        let mut problems = Vec::new();
        loop {
            let equal = |one: &&BlockHeader| votes.iter().filter(|other| other == one).count() >= quorum;
            if let Some(header) = votes.iter().find(equal) {
                return Ok(*header);
            }
            match running.next().await {
                Some(Ok(header)) if header.at().number == number => votes.push(header),
                Some(Ok(_)) => problems.push("another block than asked for".to_owned()),
                Some(Err(error)) => problems.push(error.to_string()),
                None if votes.len() < quorum => return Err(problems.join("; ")),
                None => return Err(format!("no {quorum} providers have the same block {number}")),
            }
        }
    }

    /// Whether anybody still has this block.
    pub(super) async fn has_block(&self, at: Cursor) -> bool {
        let tag = json!(format!("{:#x}", at.number));
        let asked = (0..self.checked.len()).map(|index| block(&self.reader, index, tag.clone()));
        let mut answers: FuturesUnordered<_> = asked.collect();
        while let Some(answer) = answers.next().await {
            if answer.is_ok_and(|header| header.at() == at) {
                return true;
            }
        }
        false
    }

    /// Blocks that a provider may be behind the others.
    pub(super) fn max_lag(&self) -> u64 {
        self.reader.config().max_lag
    }

    /// Whom the events of one block touch. A provider that does not know the block refuses, where it would tell of
    /// no events if it were asked by number.
    pub(super) async fn touched_in_block(
        &self,
        round: &PollRound,
        block: B256,
    ) -> Result<AddressEffects, SingleProviderError> {
        self.touched(round, json!({ "blockHash": block }), Some(block)).await
    }

    /// The same for a range of blocks, so old that everybody has them.
    pub(super) async fn touched_in_range(
        &self,
        round: &PollRound,
        from: u64,
        to: u64,
    ) -> Result<AddressEffects, SingleProviderError> {
        let range = json!({ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}") });
        self.touched(round, range, None).await
    }

    /// As any of the round's providers says, once as many as must agree have answered: one of those is honest, and
    /// whoever gives no events keeps nobody waiting.
    async fn touched(
        &self,
        round: &PollRound,
        mut filter: Value,
        block: Option<B256>,
    ) -> Result<AddressEffects, SingleProviderError> {
        filter["address"] = json!(&*round.contracts);
        filter["topics"] = json!([WATCHED_TOPICS]);
        let quorum = self.reader.config().quorum;
        let asked = round.providers.iter().map(|&index| self.touched_as(index, round, &filter, block));
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

    /// As one provider says.
    async fn touched_as(
        &self,
        index: usize,
        round: &PollRound,
        filter: &Value,
        block: Option<B256>,
    ) -> Result<AddressEffects, SingleProviderError> {
        let deadline = Instant::now() + LOGS_REQUEST_TIMEOUT;
        let logs: Logs = self
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

async fn head(reader: &Reader, index: usize, checked: bool) -> Result<BlockHeader, SingleProviderError> {
    if !checked {
        reader.check_chain(index, Instant::now() + HEAD_REQUEST_TIMEOUT).await?;
    }
    let head = block(reader, index, json!("latest")).await?;
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

async fn block(reader: &Reader, index: usize, tag: Value) -> Result<BlockHeader, SingleProviderError> {
    let (params, deadline) = (json!([tag, false]), Instant::now() + HEAD_REQUEST_TIMEOUT);
    let header: Option<BlockHeader> = reader
        .call_provider(index, "eth_getBlockByNumber", params, MAX_BLOCK_RESPONSE_BYTES, deadline)
        .await?;
    header.ok_or_else(|| SingleProviderError::Failed(format!("provider {}: has no such block", index + 1)))
}
