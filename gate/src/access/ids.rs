//! Which card ids exist. The collection does not say how many, so supplies are asked for, window by window, and
//! every decision reads a few ids beyond the last one known: a card counts in the block that it is minted in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::totalSupplyCall;
use sovereign_contracts::reader::{At, Call, ReadError, Reader};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::AccessError;
use super::holdings::Card;

/// Ids asked for in one go. A gap as long as this hides what is behind it.
const WINDOW: u64 = 256;
/// Ids beyond the last known one that every decision reads.
const AHEAD: u64 = 16;
/// More ids than any provider would read balances of; a contract that has them is not the right one.
const LIMIT: u64 = 20_000;
/// First wait after a failure; doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// The ids to read balances of.
pub(super) type Ids = Arc<Vec<U256>>;

/// What is known of them.
#[derive(Debug, Clone)]
enum Known {
    Nothing(String),
    UpTo { last: u64, ids: Ids },
}

/// Keeps the list of ids up to date.
#[derive(Debug)]
pub(super) struct CardIds {
    memes: Address,
    /// Ids that are read however high they are: THIS card.
    named: Mutex<Vec<U256>>,
    known: watch::Sender<Known>,
    wanted: Notify,
}

impl CardIds {
    pub(super) fn new(memes: Address, this_card: U256) -> Self {
        let known = watch::Sender::new(Known::Nothing("not asked yet".to_owned()));
        Self { memes, named: Mutex::new(vec![this_card]), known, wanted: Notify::new() }
    }

    /// The ids, as soon as they are known.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Ids, AccessError> {
        let mut known = self.known.subscribe();
        if let Known::UpTo { ids, .. } = &*known.borrow_and_update() {
            return Ok(Arc::clone(ids));
        }
        self.wanted.notify_one();
        let found = known.wait_for(|known| matches!(known, Known::UpTo { .. }));
        match timeout_at(deadline, found).await.map(|found| found.map(|known| known.clone())) {
            Ok(Ok(Known::UpTo { ids, .. })) => Ok(ids),
            _ => Err(AccessError::CardsUnknown(self.problem().unwrap_or_default())),
        }
    }

    /// Why the ids are not known, if so.
    pub(super) fn problem(&self) -> Option<String> {
        match &*self.known.borrow() {
            Known::Nothing(why) => Some(why.clone()),
            Known::UpTo { .. } => None,
        }
    }

    /// A decision saw these cards: some may be newer than the last id known.
    pub(super) fn seen(&self, cards: &[Card]) {
        let ours = cards.iter().filter(|card| card.contract == self.memes);
        let newest = ours.filter_map(|card| card.id.and_then(|id| u64::try_from(id).ok())).max();
        if let Some(newest) = newest
            && matches!(&*self.known.borrow(), Known::UpTo { last, .. } if newest > *last && newest <= last + AHEAD)
        {
            self.learn(newest);
        }
    }

    /// Looks for new ids for ever; sooner when somebody waits for the first answer.
    pub(super) async fn follow(&self, reader: &Reader, interval: Duration) {
        let mut wait = FIRST_WAIT;
        loop {
            let pause = match self.discover(reader).await {
                Ok(()) => interval,
                Err(error) => {
                    tracing::debug!(%error, "card ids cannot be read");
                    self.complain(&error);
                    wait.min(interval)
                }
            };
            wait = if pause == interval { FIRST_WAIT } else { (wait * 2).min(LONGEST_WAIT) };
            // Whoever waits for the first answer may hurry this, but not without end.
            tokio::time::sleep(FIRST_WAIT.min(pause)).await;
            let hurry = self.problem().is_some();
            tokio::select! {
                () = tokio::time::sleep(pause.saturating_sub(FIRST_WAIT)) => {}
                () = self.wanted.notified(), if hurry => {}
            }
        }
    }

    /// Reads windows until one is empty.
    pub(super) async fn discover(&self, reader: &Reader) -> Result<(), ReadError> {
        let mut last = match &*self.known.borrow() {
            Known::Nothing(_) => None,
            Known::UpTo { last, .. } => Some(*last),
        };
        while let Some(newest) = self.newest_in(reader, last.map_or(0, |last| last + 1)).await? {
            last = Some(newest);
            if newest > LIMIT {
                return Err(self.broken());
            }
        }
        self.learn(last.unwrap_or_default());
        Ok(())
    }

    async fn newest_in(&self, reader: &Reader, first: u64) -> Result<Option<u64>, ReadError> {
        let call = |id| Call::new(self.memes, &totalSupplyCall { id: U256::from(id) });
        let calls: Vec<_> = (first..first + WINDOW).map(call).collect();
        let snapshot = reader.read(&calls, At::Latest).await?;
        let mut newest = None;
        for (id, result) in (first..).zip(&snapshot.results) {
            if !result.decode::<totalSupplyCall>()?.is_zero() {
                newest = Some(id);
            }
        }
        Ok(newest)
    }

    fn learn(&self, newest: u64) {
        self.known.send_if_modified(|known| {
            if matches!(known, Known::UpTo { last, .. } if *last >= newest) {
                return false;
            }
            *known = Known::UpTo { last: newest, ids: self.up_to(newest) };
            true
        });
    }

    /// Reads card `id` too from now on, whether it exists yet or not.
    pub(super) fn include(&self, id: U256) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.contains(&id) {
            return;
        }
        named.push(id);
        drop(named);
        self.known.send_if_modified(|known| match known {
            Known::Nothing(_) => false,
            Known::UpTo { last, ids } => {
                *ids = self.up_to(*last);
                true
            }
        });
    }

    fn up_to(&self, newest: u64) -> Ids {
        let mut ids: Vec<_> = (0..=newest + AHEAD).map(U256::from).collect();
        for id in &*self.named.lock().unwrap_or_else(PoisonError::into_inner) {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        Arc::new(ids)
    }

    /// Once known, ids stay known: a failure then only delays the news.
    fn complain(&self, error: &ReadError) {
        self.known.send_if_modified(|known| match known {
            Known::Nothing(why) => {
                *why = error.to_string();
                false
            }
            Known::UpTo { .. } => false,
        });
    }

    fn broken(&self) -> ReadError {
        ReadError::Contract { contract: self.memes, function: "totalSupply(uint256)" }
    }
}
