//! Follows the events that change who holds or may use a card, and reports the addresses that they affect.
//!
//! Blocks are followed one by one, by hash. A block whose parent is not the last processed block means a
//! reorganisation: every address that the undone blocks affected is reported again. After any interruption, of this
//! process, a provider or a socket, the blocks since the last processed one are read before [`ChangeBatch::caught_up`]
//! is set again.

mod change_batch;
mod effect;
mod events;
mod head_subscription;
mod poll_scheduler;
mod reorg_buffer;
mod source;
mod watched_contracts;

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

pub use change_batch::{ChangeAccumulator, ChangeBatch, Cursor};
use effect::AddressEffects;
pub use effect::Effect;
pub use watched_contracts::WatchedContracts;

use crate::reader::{Reader, SingleProviderError};
use poll_scheduler::PollScheduler;
use reorg_buffer::ReorgBuffer;
use source::{BlockHeader, BlockSource, PollRound};

/// Maximum blocks to catch up, about a day; after a longer gap every address is rechecked instead.
const MAX_CATCH_UP_BLOCKS: u64 = 7200;
/// Newest blocks that are read one by one, by hash; older blocks are read in ranges.
const MAX_SINGLE_BLOCK_READS: u64 = 32;
/// Initial blocks per range; halved while a provider rejects the range.
const LOG_RANGE_BLOCKS: u64 = 1000;
/// Maximum concurrent header requests.
const MAX_CONCURRENT_HEADER_REQUESTS: usize = 8;
/// Delay between polls after a failure.
const ERROR_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Interval and number of polls for an announced head that no provider has yet.
const ANNOUNCED_HEAD_POLL_INTERVAL: Duration = Duration::from_millis(50);
const ANNOUNCED_HEAD_MAX_POLLS: u32 = 20;

/// Settings of a follower.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// Contracts whose events are followed: collections and registries.
    pub contracts: WatchedContracts,
    /// WebSocket addresses that announce new blocks; if empty, only polling finds them.
    pub ws_addrs: Vec<String>,
    /// Poll interval without an announcement.
    pub poll_interval: Duration,
}

/// Follows the events of the watched contracts.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    source: BlockSource,
    reorg_buffer: ReorgBuffer,
    changes: Arc<ChangeAccumulator>,
    /// Contracts whose events were read up to the last processed block.
    read: Arc<[Address]>,
}

impl Follower {
    /// Creates a follower that continues after `cursor`; without one it first requests a recheck of every address.
    pub fn new(
        config: FollowerConfig,
        reader: Arc<Reader>,
        cursor: Option<Cursor>,
        inbox: Arc<ChangeAccumulator>,
    ) -> Self {
        let read = config.contracts.snapshot();
        let source = BlockSource::new(reader, config.contracts.clone());
        Self { config, source, reorg_buffer: ReorgBuffer::after(cursor), changes: inbox, read }
    }

    /// Follows until dropped.
    pub async fn run(mut self) {
        let heads = Arc::new(Notify::new());
        let scheduler = PollScheduler::new(
            Arc::clone(&heads),
            self.config.contracts.change_notifier(),
            self.config.poll_interval,
        );
        let addresses = self.config.ws_addrs.clone();
        tokio::select! {
            () = head_subscription::subscribe_heads(&addresses, heads) => {}
            () = self.poll_loop(scheduler) => {}
        }
    }

    async fn poll_loop(&mut self, mut scheduler: PollScheduler) {
        let mut announced = false;
        let mut failing: Option<Instant> = None;
        loop {
            let before = self.reorg_buffer.newest();
            if let Err(why) = self.poll().await {
                if failing.is_none() {
                    failing = Some(Instant::now());
                    tracing::warn!(why, "Ethereum's events cannot be followed");
                }
                self.changes.report_gap();
                sleep(ERROR_RETRY_DELAY).await;
                announced = false;
                continue;
            }
            if let Some(since) = failing.take() {
                tracing::info!(seconds = since.elapsed().as_secs(), "Ethereum's events are followed again");
            }
            self.changes.report_caught_up();
            if self.reorg_buffer.newest() != before
                || (announced && scheduler.trusts_announcements() && self.await_announced_block().await)
            {
                scheduler.block_arrived();
            } else if announced {
                scheduler.announcement_failed();
                // The preferred provider may be behind; the socket may belong to another one.
                if self.source.prefer_provider_ahead_of(before).await {
                    announced = false;
                    continue;
                }
            }
            announced = scheduler.wait_for_trigger().await;
        }
    }

    /// Polls for an announced head that the provider does not have yet. Returns whether it arrived.
    async fn await_announced_block(&mut self) -> bool {
        let before = self.reorg_buffer.newest();
        for _ in 0..ANNOUNCED_HEAD_MAX_POLLS {
            sleep(ANNOUNCED_HEAD_POLL_INTERVAL).await;
            if self.poll().await.is_err() {
                return false;
            }
            if self.reorg_buffer.newest() != before {
                return true;
            }
        }
        false
    }

    /// Reads everything up to the newest block.
    async fn poll(&mut self) -> Result<(), String> {
        let mut problems = Vec::new();
        for _ in 0..self.source.max_attempts() {
            let round = self.source.round().await?;
            match self.process_round(&round).await {
                Ok(()) => return Ok(()),
                Err(why) => problems.push(why),
            }
            self.source.report_failure();
        }
        Err(problems.join("; "))
    }

    async fn process_round(&mut self, round: &PollRound) -> Result<(), String> {
        let told = self.reorg_buffer.newest();
        let head = self.check_not_behind(told, round.head.cursor()).await?;
        if self.read != round.contracts {
            tracing::info!(contracts = round.contracts.len(), "the contracts that are followed have changed");
            self.read = Arc::clone(&round.contracts);
            self.restart_at(head);
            return Ok(());
        }
        if told == Some(head) {
            return Ok(());
        }
        let standing = self.rewind_reorg(told, round).await?;
        let near = |told: &Cursor| head.number.saturating_sub(told.number) <= MAX_CATCH_UP_BLOCKS;
        let Some(told) = standing.filter(near) else {
            self.restart_at(head);
            return Ok(());
        };
        let fine = head.number.saturating_sub(MAX_SINGLE_BLOCK_READS).max(told.number);
        if fine > told.number {
            self.process_ranges(round, told.number + 1, fine).await?;
        }
        self.process_blocks(round).await
    }

    /// Returns the head to process up to. If `head` precedes the last processed block and any provider still has that
    /// block, the provider is behind and nothing was undone: affected addresses must not be read in an older block.
    async fn check_not_behind(&self, told: Option<Cursor>, head: Cursor) -> Result<Cursor, String> {
        let Some(told) = told.filter(|told| told.number > head.number) else { return Ok(head) };
        if !self.source.has_block(told).await {
            return Ok(head);
        }
        if told.number - head.number > self.source.max_lag() {
            return Err(format!("told up to block {}, and the newest is {}", told.number, head.number));
        }
        Ok(told)
    }

    /// Continues at `head` and requests a recheck of every address, as the events before it are unknown.
    fn restart_at(&mut self, head: Cursor) {
        self.changes.request_full_recheck(head.number);
        self.reorg_buffer = ReorgBuffer::after(Some(head));
        self.changes.set_cursor(head);
    }

    /// Returns the newest processed block that is still canonical. Reports the addresses of undone blocks again.
    async fn rewind_reorg(
        &mut self,
        told: Option<Cursor>,
        round: &PollRound,
    ) -> Result<Option<Cursor>, String> {
        let Some(told) = told else { return Ok(None) };
        if round.head.is_child_of(told) {
            return Ok(Some(told));
        }
        let mut fallen = AddressEffects::default();
        let mut standing = self.reorg_buffer.newest();
        while let Some(at) = standing {
            if self.is_canonical(at, round).await? {
                break;
            }
            // A right that an undone event gave has ended, for either address of it.
            if let Some(mark) = self.reorg_buffer.pop() {
                fallen.extend(mark.effects.addresses().map(|address| (address, Effect::Loss)));
            }
            standing = self.reorg_buffer.newest();
        }
        if standing != Some(told) {
            let head = round.head.cursor();
            tracing::warn!(
                from = told.number,
                head = head.number,
                touched = fallen.len(),
                "blocks were undone"
            );
            self.changes.add_reorg();
            self.changes.add_affected(fallen, head.number);
        }
        Ok(standing)
    }

    async fn is_canonical(&self, at: Cursor, round: &PollRound) -> Result<bool, String> {
        let head = round.head.cursor();
        if at.number >= head.number {
            return Ok(at == head);
        }
        Ok(self.source.header(round, at.number).await?.cursor() == at)
    }

    async fn process_ranges(&mut self, round: &PollRound, from: u64, to: u64) -> Result<(), String> {
        let (mut next, mut size) = (from, LOG_RANGE_BLOCKS);
        while next <= to {
            let end = to.min(next + size - 1);
            match self.source.effects_in_range(round, next, end).await {
                Ok(touched) => {
                    let at = self.source.header(round, end).await?.cursor();
                    self.commit_block(at, touched);
                    next = end + 1;
                }
                Err(error) if size == 1 => return Err(error.to_string()),
                Err(_) => size /= 2,
            }
        }
        Ok(())
    }

    /// Processes the blocks after the last processed one. Each must be the child of the one before.
    async fn process_blocks(&mut self, round: &PollRound) -> Result<(), String> {
        let head = round.head;
        let from = self.reorg_buffer.newest().map_or(head.cursor().number, |told| told.number + 1);
        let source = &self.source;
        let headers: Vec<BlockHeader> = stream::iter(from..=head.cursor().number)
            .map(|number| async move {
                if number == head.cursor().number { Ok(head) } else { source.header(round, number).await }
            })
            .buffered(MAX_CONCURRENT_HEADER_REQUESTS)
            .try_collect()
            .await?;
        let mut before = self.reorg_buffer.newest();
        for header in &headers {
            if before.is_some_and(|before| !header.is_child_of(before)) {
                return Err("the chain changed while it was read".to_owned());
            }
            before = Some(header.cursor());
        }
        // Sequential: a single answer of each provider may have tens of megabytes.
        for header in headers {
            let at = header.cursor();
            match query_block_effects(&self.source, round, at.hash).await? {
                Some(touched) => self.commit_block(at, touched),
                None => self.restart_at(at),
            }
        }
        Ok(())
    }

    fn commit_block(&mut self, at: Cursor, touched: AddressEffects) {
        self.changes.add_affected(touched.iter(), at.number);
        self.reorg_buffer.push(at, touched);
        self.changes.set_cursor(at);
    }
}

/// Returns the effects of one block; `None` if its events exceed the size limit.
async fn query_block_effects(
    source: &BlockSource,
    round: &PollRound,
    block: B256,
) -> Result<Option<AddressEffects>, String> {
    match source.effects_in_block(round, block).await {
        Ok(touched) => Ok(Some(touched)),
        Err(SingleProviderError::TooLarge(why)) => {
            tracing::warn!(why, "a block has more events than can be read");
            Ok(None)
        }
        Err(error) => Err(error.to_string()),
    }
}
