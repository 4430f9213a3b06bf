//! Follows the events that change who holds or may use a card, and tells which addresses they touch.
//!
//! Block by block, by hash: a block that does not follow the last one told means that something was undone, and
//! then everybody whom the undone blocks touched is told again. After any pause, of this program, of a provider or
//! of a socket, the blocks since the last told one are read before [`News::caught_up`] is said again.

mod bell;
mod effect;
mod events;
mod followed;
mod news;
mod source;
mod trail;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

pub use effect::Effect;
use effect::Effects;
pub use followed::Followed;
pub use news::{Cursor, Inbox, News};

use crate::reader::{RawError, Reader};
use source::{Header, Round, Source};
use trail::Trail;
use waiting::Waiting;

/// More blocks than a day has are not read one after the other: everybody is looked at instead.
const LONGEST_GAP: u64 = 7200;
/// The newest blocks are read one by one, by hash; a longer gap before them in ranges.
const ONE_BY_ONE: u64 = 32;
/// Blocks of one range, halved while a provider finds it too much.
const RANGE: u64 = 1000;
/// Heads of blocks that are asked for at the same time.
const AT_ONCE: usize = 8;
/// While the follower is behind, it tries so often.
const RETRY: Duration = Duration::from_millis(500);
/// A head that a socket announced, and that the providers do not have, is looked for again so often and so long.
const AGAIN: Duration = Duration::from_millis(50);
const LOOK_FOR: u32 = 20;

/// What is followed.
#[derive(Debug, Clone)]
pub struct FollowerConfig {
    /// Collections and registries.
    pub contracts: Followed,
    /// WebSocket addresses that announce new blocks; without any, polling alone finds them.
    pub ws_addrs: Vec<String>,
    /// How often is looked without an announcement.
    pub poll: Duration,
}

/// Follows for ever.
#[derive(Debug)]
pub struct Follower {
    config: FollowerConfig,
    source: Source,
    trail: Trail,
    inbox: Arc<Inbox>,
    /// Whose events up to the last told block were read.
    read: Arc<[Address]>,
}

impl Follower {
    /// Goes on after `cursor`; without one, everybody is to be looked at first.
    pub fn new(
        config: FollowerConfig,
        reader: Arc<Reader>,
        cursor: Option<Cursor>,
        inbox: Arc<Inbox>,
    ) -> Self {
        let read = config.contracts.now();
        let source = Source::new(reader, config.contracts.clone());
        Self { config, source, trail: Trail::after(cursor), inbox, read }
    }

    /// Follows.
    pub async fn run(mut self) {
        let heads = Arc::new(Notify::new());
        let waiting = Waiting::new(Arc::clone(&heads), self.config.contracts.bell(), self.config.poll);
        let addresses = self.config.ws_addrs.clone();
        tokio::select! {
            () = bell::listen(&addresses, heads) => {}
            () = self.follow(waiting) => {}
        }
    }

    async fn follow(&mut self, mut waiting: Waiting) {
        let mut announced = false;
        let mut failing: Option<Instant> = None;
        loop {
            let before = self.trail.last();
            if let Err(why) = self.look().await {
                if failing.is_none() {
                    failing = Some(Instant::now());
                    tracing::warn!(why, "Ethereum's events cannot be followed");
                }
                self.inbox.gap();
                sleep(RETRY).await;
                announced = false;
                continue;
            }
            if let Some(since) = failing.take() {
                tracing::info!(seconds = since.elapsed().as_secs(), "Ethereum's events are followed again");
            }
            self.inbox.caught_up();
            if self.trail.last() != before || (announced && waiting.believes() && self.look_again().await) {
                waiting.came_on();
            } else if announced {
                waiting.in_vain();
                // The one that leads may be behind, also where the socket is another one's.
                if self.source.lead_by_another(before).await {
                    announced = false;
                    continue;
                }
            }
            announced = waiting.reason().await;
        }
    }

    /// A new head was announced that the provider does not have yet; whether it came.
    async fn look_again(&mut self) -> bool {
        let before = self.trail.last();
        for _ in 0..LOOK_FOR {
            sleep(AGAIN).await;
            if self.look().await.is_err() {
                return false;
            }
            if self.trail.last() != before {
                return true;
            }
        }
        false
    }

    /// Reads everything up to the newest block.
    async fn look(&mut self) -> Result<(), String> {
        let mut problems = Vec::new();
        for _ in 0..self.source.attempts() {
            let round = self.source.round().await?;
            match self.read_up_to(&round).await {
                Ok(()) => return Ok(()),
                Err(why) => problems.push(why),
            }
            self.source.failed();
        }
        Err(problems.join("; "))
    }

    async fn read_up_to(&mut self, round: &Round) -> Result<(), String> {
        let told = self.trail.last();
        let head = self.not_back(told, round.head.at()).await?;
        if self.read != round.contracts {
            tracing::info!(contracts = round.contracts.len(), "the contracts that are followed have changed");
            self.read = Arc::clone(&round.contracts);
            self.start_over(head);
            return Ok(());
        }
        if told == Some(head) {
            return Ok(());
        }
        let standing = self.standing(told, round).await?;
        let near = |told: &Cursor| head.number.saturating_sub(told.number) <= LONGEST_GAP;
        let Some(told) = standing.filter(near) else {
            self.start_over(head);
            return Ok(());
        };
        let fine = head.number.saturating_sub(ONE_BY_ONE).max(told.number);
        if fine > told.number {
            self.ranges(round, told.number + 1, fine).await?;
        }
        self.blocks(round).await
    }

    /// A head before the last told block, which somebody still has, is that of a provider who is behind: nothing was
    /// undone, and whoever was touched meanwhile must not be looked at in an old block.
    async fn not_back(&self, told: Option<Cursor>, head: Cursor) -> Result<Cursor, String> {
        let Some(told) = told.filter(|told| told.number > head.number) else { return Ok(head) };
        if !self.source.knows(told).await {
            return Ok(head);
        }
        if told.number - head.number > self.source.max_lag() {
            return Err(format!("told up to block {}, and the newest is {}", told.number, head.number));
        }
        Ok(told)
    }

    /// Nobody knows what happened before `head`.
    fn start_over(&mut self, head: Cursor) {
        self.inbox.everybody(head.number);
        self.trail = Trail::after(Some(head));
        self.inbox.reached(head);
    }

    /// The newest told block that still stands. What fell is told again.
    async fn standing(&mut self, told: Option<Cursor>, round: &Round) -> Result<Option<Cursor>, String> {
        let Some(told) = told else { return Ok(None) };
        if round.head.follows(told) {
            return Ok(Some(told));
        }
        let mut fallen = Effects::default();
        let mut standing = self.trail.last();
        while let Some(at) = standing {
            if self.stands(at, round).await? {
                break;
            }
            // What an undone event gave is gone, whichever side it was on.
            if let Some(mark) = self.trail.pop() {
                fallen.extend(mark.effects.addresses().map(|address| (address, Effect::Loss)));
            }
            standing = self.trail.last();
        }
        if standing != Some(told) {
            let head = round.head.at();
            tracing::warn!(
                from = told.number,
                head = head.number,
                touched = fallen.len(),
                "blocks were undone"
            );
            self.inbox.reorg();
            self.inbox.touched(fallen, head.number);
        }
        Ok(standing)
    }

    async fn stands(&self, at: Cursor, round: &Round) -> Result<bool, String> {
        let head = round.head.at();
        if at.number >= head.number {
            return Ok(at == head);
        }
        Ok(self.source.header(round, at.number).await?.at() == at)
    }

    async fn ranges(&mut self, round: &Round, from: u64, to: u64) -> Result<(), String> {
        let (mut next, mut size) = (from, RANGE);
        while next <= to {
            let end = to.min(next + size - 1);
            match self.source.touched_in_range(round, next, end).await {
                Ok(touched) => {
                    let at = self.source.header(round, end).await?.at();
                    self.tell(at, touched);
                    next = end + 1;
                }
                Err(error) if size == 1 => return Err(error.to_string()),
                Err(_) => size /= 2,
            }
        }
        Ok(())
    }

    /// The blocks after the last told one, each of which must follow the one before.
    async fn blocks(&mut self, round: &Round) -> Result<(), String> {
        let head = round.head;
        let from = self.trail.last().map_or(head.at().number, |told| told.number + 1);
        let source = &self.source;
        let headers: Vec<Header> = stream::iter(from..=head.at().number)
            .map(|number| async move {
                if number == head.at().number { Ok(head) } else { source.header(round, number).await }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut before = self.trail.last();
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
                Some(touched) => self.tell(at, touched),
                None => self.start_over(at),
            }
        }
        Ok(())
    }

    fn tell(&mut self, at: Cursor, touched: Effects) {
        self.inbox.touched(touched.iter(), at.number);
        self.trail.push(at, touched);
        self.inbox.reached(at);
    }
}

/// Whom one block touches; `None`: so many that nobody can tell.
async fn touched(source: &Source, round: &Round, block: B256) -> Result<Option<Effects>, String> {
    match source.touched_in_block(round, block).await {
        Ok(touched) => Ok(Some(touched)),
        Err(RawError::TooLarge(why)) => {
            tracing::warn!(why, "a block with more events than can be read");
            Ok(None)
        }
        Err(error) => Err(error.to_string()),
    }
}
