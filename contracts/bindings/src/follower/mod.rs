//! Follows the events that change who holds or may use a card, and tells which addresses they touch.
//!
//! Block by block, by hash: a block that does not follow the last one told means that something was undone, and
//! then everybody whom the undone blocks touched is told again. After any pause, of this program, of a provider or
//! of a socket, the blocks since the last told one are read before [`ChangeBatch::caught_up`] is said again.

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

/// More blocks than a day has are not read one after the other: everybody is looked at instead.
const MAX_CATCH_UP_BLOCKS: u64 = 7200;
/// The newest blocks are read one by one, by hash; a longer gap before them in ranges.
const MAX_SINGLE_BLOCK_READS: u64 = 32;
/// Blocks of one range, halved while a provider finds it too much.
const LOG_RANGE_BLOCKS: u64 = 1000;
/// Heads of blocks that are asked for at the same time.
const MAX_CONCURRENT_HEADER_REQUESTS: usize = 8;
/// While the follower is behind, it tries so often.
const ERROR_RETRY_DELAY: Duration = Duration::from_millis(500);
/// A head that a socket announced, and that the providers do not have, is looked for again so often and so long.
const ANNOUNCED_HEAD_POLL_INTERVAL: Duration = Duration::from_millis(50);
const ANNOUNCED_HEAD_MAX_POLLS: u32 = 20;

/// What is followed.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// Collections and registries.
    pub contracts: WatchedContracts,
    /// WebSocket addresses that announce new blocks; without any, polling alone finds them.
    pub ws_addrs: Vec<String>,
    /// How often is looked without an announcement.
    pub poll: Duration,
}

/// Follows for ever.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    source: BlockSource,
    trail: ReorgBuffer,
    inbox: Arc<ChangeAccumulator>,
    /// Whose events up to the last told block were read.
    read: Arc<[Address]>,
}

impl Follower {
    /// Goes on after `cursor`; without one, everybody is to be looked at first.
    pub fn new(
        config: FollowerConfig,
        reader: Arc<Reader>,
        cursor: Option<Cursor>,
        inbox: Arc<ChangeAccumulator>,
    ) -> Self {
        let read = config.contracts.snapshot();
        let source = BlockSource::new(reader, config.contracts.clone());
        Self { config, source, trail: ReorgBuffer::after(cursor), inbox, read }
    }

    /// Follows.
    pub async fn run(mut self) {
        let heads = Arc::new(Notify::new());
        let waiting =
            PollScheduler::new(Arc::clone(&heads), self.config.contracts.change_notifier(), self.config.poll);
        let addresses = self.config.ws_addrs.clone();
        tokio::select! {
            () = head_subscription::subscribe_heads(&addresses, heads) => {}
            () = self.follow(waiting) => {}
        }
    }

    async fn follow(&mut self, mut waiting: PollScheduler) {
        let mut announced = false;
        let mut failing: Option<Instant> = None;
        loop {
            let before = self.trail.newest();
            if let Err(why) = self.poll().await {
                if failing.is_none() {
                    failing = Some(Instant::now());
                    tracing::warn!(why, "Ethereum's events cannot be followed");
                }
                self.inbox.report_gap();
                sleep(ERROR_RETRY_DELAY).await;
                announced = false;
                continue;
            }
            if let Some(since) = failing.take() {
                tracing::info!(seconds = since.elapsed().as_secs(), "Ethereum's events are followed again");
            }
            self.inbox.report_caught_up();
            if self.trail.newest() != before
                || (announced && waiting.trusts_announcements() && self.await_announced_block().await)
            {
                waiting.block_arrived();
            } else if announced {
                waiting.announcement_failed();
                // The one that leads may be behind, also where the socket is another one's.
                if self.source.prefer_provider_ahead_of(before).await {
                    announced = false;
                    continue;
                }
            }
            announced = waiting.wait_for_trigger().await;
        }
    }

    /// A new head was announced that the provider does not have yet; whether it came.
    async fn await_announced_block(&mut self) -> bool {
        let before = self.trail.newest();
        for _ in 0..ANNOUNCED_HEAD_MAX_POLLS {
            sleep(ANNOUNCED_HEAD_POLL_INTERVAL).await;
            if self.poll().await.is_err() {
                return false;
            }
            if self.trail.newest() != before {
                return true;
            }
        }
        false
    }

    /// Reads everything up to the newest block.
    async fn poll(&mut self) -> Result<(), String> {
        let mut problems = Vec::new();
        for _ in 0..self.source.attempts() {
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
        let told = self.trail.newest();
        let head = self.check_not_behind(told, round.head.at()).await?;
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
            self.ranges(round, told.number + 1, fine).await?;
        }
        self.blocks(round).await
    }

    /// A head before the last told block, which somebody still has, is that of a provider who is behind: nothing was
    /// undone, and whoever was touched meanwhile must not be looked at in an old block.
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

    /// Nobody knows what happened before `head`.
    fn restart_at(&mut self, head: Cursor) {
        self.inbox.everybody(head.number);
        self.trail = ReorgBuffer::after(Some(head));
        self.inbox.set_cursor(head);
    }

    /// The newest told block that still stands. What fell is told again.
    async fn rewind_reorg(
        &mut self,
        told: Option<Cursor>,
        round: &PollRound,
    ) -> Result<Option<Cursor>, String> {
        let Some(told) = told else { return Ok(None) };
        if round.head.follows(told) {
            return Ok(Some(told));
        }
        let mut fallen = AddressEffects::default();
        let mut standing = self.trail.newest();
        while let Some(at) = standing {
            if self.is_canonical(at, round).await? {
                break;
            }
            // What an undone event gave is gone, whichever side it was on.
            if let Some(mark) = self.trail.pop() {
                fallen.extend(mark.effects.addresses().map(|address| (address, Effect::Loss)));
            }
            standing = self.trail.newest();
        }
        if standing != Some(told) {
            let head = round.head.at();
            tracing::warn!(
                from = told.number,
                head = head.number,
                touched = fallen.len(),
                "blocks were undone"
            );
            self.inbox.add_reorg();
            self.inbox.touched(fallen, head.number);
        }
        Ok(standing)
    }

    async fn is_canonical(&self, at: Cursor, round: &PollRound) -> Result<bool, String> {
        let head = round.head.at();
        if at.number >= head.number {
            return Ok(at == head);
        }
        Ok(self.source.header(round, at.number).await?.at() == at)
    }

    async fn ranges(&mut self, round: &PollRound, from: u64, to: u64) -> Result<(), String> {
        let (mut next, mut size) = (from, LOG_RANGE_BLOCKS);
        while next <= to {
            let end = to.min(next + size - 1);
            match self.source.touched_in_range(round, next, end).await {
                Ok(touched) => {
                    let at = self.source.header(round, end).await?.at();
                    self.commit_block(at, touched);
                    next = end + 1;
                }
                Err(error) if size == 1 => return Err(error.to_string()),
                Err(_) => size /= 2,
            }
        }
        Ok(())
    }

    /// The blocks after the last told one, each of which must follow the one before.
    async fn blocks(&mut self, round: &PollRound) -> Result<(), String> {
        let head = round.head;
        let from = self.trail.newest().map_or(head.at().number, |told| told.number + 1);
        let source = &self.source;
        let headers: Vec<BlockHeader> = stream::iter(from..=head.at().number)
            .map(|number| async move {
                if number == head.at().number { Ok(head) } else { source.header(round, number).await }
            })
            .buffered(MAX_CONCURRENT_HEADER_REQUESTS)
            .try_collect()
            .await?;
        let mut before = self.trail.newest();
        for header in &headers {
            if before.is_some_and(|before| !header.follows(before)) {
                return Err("the chain changed while it was read".to_owned());
            }
            before = Some(header.at());
        }
        // One after the other: a single answer may have tens of megabytes, from each provider.
        for header in headers {
            let at = header.at();
            match touched(&self.source, round, at.hash).await? {
                Some(touched) => self.commit_block(at, touched),
                None => self.restart_at(at),
            }
        }
        Ok(())
    }

    fn commit_block(&mut self, at: Cursor, touched: AddressEffects) {
        self.inbox.touched(touched.iter(), at.number);
        self.trail.push(at, touched);
        self.inbox.set_cursor(at);
    }
}

/// Whom one block touches; `None`: so many that nobody can tell.
async fn touched(
    source: &BlockSource,
    round: &PollRound,
    block: B256,
) -> Result<Option<AddressEffects>, String> {
    match source.touched_in_block(round, block).await {
        Ok(touched) => Ok(Some(touched)),
        Err(SingleProviderError::TooLarge(why)) => {
            tracing::warn!(why, "a block with more events than can be read");
            Ok(None)
        }
        Err(error) => Err(error.to_string()),
    }
}
