//! Discovery of existing card ids. The collection does not report its size, so supplies are read window by window, and
//! every decision reads a few ids beyond the last known one: a new card counts from the block of its mint.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::totalSupplyCall;
use sovereign_contracts::reader::{BlockTag, Call, ReadError, Reader};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use super::AccessError;
use super::holdings::Card;

/// Ids read at once. A gap of this length hides all ids behind it.
const DISCOVERY_WINDOW: u64 = 256;
/// Ids beyond the last known one that every decision reads.
const LOOKAHEAD_IDS: u64 = 16;
/// Highest plausible id: a contract with more is not the expected collection.
const MAX_CARD_ID: u64 = 20_000;
/// Delay after the first failure; doubled up to the maximum.
const RETRY_INITIAL: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(4);

/// The ids to read balances of.
pub(super) type Ids = Arc<Vec<U256>>;

/// Result of the discovery so far.
#[derive(Debug, Clone)]
enum KnownIds {
    Unknown(String),
    UpTo { last: u64, ids: Ids },
}

/// Keeps the list of card ids up to date.
#[derive(Debug)]
pub(super) struct CardIds {
    memes: Address,
    /// Ids that are always read: THIS card.
    always_read: Mutex<Vec<U256>>,
    known: watch::Sender<KnownIds>,
    first_answer_wanted: Notify,
}

impl CardIds {
    pub(super) fn new(memes: Address, this_card: U256) -> Self {
        let known = watch::Sender::new(KnownIds::Unknown("not asked yet".to_owned()));
        Self { memes, always_read: Mutex::new(vec![this_card]), known, first_answer_wanted: Notify::new() }
    }

    /// Returns the ids, waiting for the first discovery until `deadline`.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Ids, AccessError> {
        let mut known = self.known.subscribe();
        if let KnownIds::UpTo { ids, .. } = &*known.borrow_and_update() {
            return Ok(Arc::clone(ids));
        }
        self.first_answer_wanted.notify_one();
        let found = known.wait_for(|known| matches!(known, KnownIds::UpTo { .. }));
        match timeout_at(deadline, found).await.map(|found| found.map(|known| known.clone())) {
            Ok(Ok(KnownIds::UpTo { ids, .. })) => Ok(ids),
            _ => Err(AccessError::CardsUnknown(self.problem().unwrap_or_default())),
        }
    }

    /// Returns why no ids are known, if so.
    pub(super) fn problem(&self) -> Option<String> {
        match &*self.known.borrow() {
            KnownIds::Unknown(why) => Some(why.clone()),
            KnownIds::UpTo { .. } => None,
        }
    }

    /// Extends the list if `cards` contains a newer id.
    pub(super) fn note_cards(&self, cards: &[Card]) {
        let ours = cards.iter().filter(|card| card.contract == self.memes);
        let newest = ours.filter_map(|card| card.id.and_then(|id| u64::try_from(id).ok())).max();
        if let Some(newest) = newest
            && matches!(&*self.known.borrow(), KnownIds::UpTo { last, .. } if newest > *last && newest <= last + LOOKAHEAD_IDS)
        {
            self.extend_to(newest);
        }
    }

    /// Searches for new ids forever; sooner while a caller waits for the first answer.
    pub(super) async fn follow(&self, reader: &Reader, interval: Duration) {
        let mut wait = RETRY_INITIAL;
        loop {
            let delay = match self.discover(reader).await {
                Ok(()) => interval,
                Err(error) => {
                    tracing::debug!(%error, "card ids cannot be read");
                    self.record_failure(&error);
                    wait.min(interval)
                }
            };
            wait = if delay == interval { RETRY_INITIAL } else { (wait * 2).min(RETRY_MAX) };
            // A waiting caller may shorten this delay, but only down to a minimum.
            tokio::time::sleep(RETRY_INITIAL.min(delay)).await;
            let hurry = self.problem().is_some();
            tokio::select! {
                () = tokio::time::sleep(delay.saturating_sub(RETRY_INITIAL)) => {}
                () = self.first_answer_wanted.notified(), if hurry => {}
            }
        }
    }

    /// Reads windows until one is empty.
    pub(super) async fn discover(&self, reader: &Reader) -> Result<(), ReadError> {
        let mut last = match &*self.known.borrow() {
            KnownIds::Unknown(_) => None,
            KnownIds::UpTo { last, .. } => Some(*last),
        };
        while let Some(newest) = self.newest_id_in_window(reader, last.map_or(0, |last| last + 1)).await? {
            last = Some(newest);
            if newest > MAX_CARD_ID {
                return Err(self.malformed());
            }
        }
        self.extend_to(last.unwrap_or_default());
        Ok(())
    }

    async fn newest_id_in_window(&self, reader: &Reader, first: u64) -> Result<Option<u64>, ReadError> {
        let call = |id| Call::new(self.memes, &totalSupplyCall { id: U256::from(id) });
        let calls: Vec<_> = (first..first + DISCOVERY_WINDOW).map(call).collect();
        let snapshot = reader.read(&calls, BlockTag::Latest).await?;
        let mut newest = None;
        for (id, result) in (first..).zip(&snapshot.results) {
            if !result.decode::<totalSupplyCall>()?.is_zero() {
                newest = Some(id);
            }
        }
        Ok(newest)
    }

    fn extend_to(&self, newest: u64) {
        self.known.send_if_modified(|known| {
            if matches!(known, KnownIds::UpTo { last, .. } if *last >= newest) {
                return false;
            }
            *known = KnownIds::UpTo { last: newest, ids: self.ids_up_to(newest) };
            true
        });
    }

    /// Adds `id` to the ids that are always read, whether or not the card exists.
    pub(super) fn include(&self, id: U256) {
        let mut always_read = self.always_read.lock().unwrap_or_else(PoisonError::into_inner);
        if always_read.contains(&id) {
            return;
        }
        always_read.push(id);
        drop(always_read);
        self.known.send_if_modified(|known| match known {
            KnownIds::Unknown(_) => false,
            KnownIds::UpTo { last, ids } => {
                *ids = self.ids_up_to(*last);
                true
            }
        });
    }

    fn ids_up_to(&self, newest: u64) -> Ids {
        let mut ids: Vec<_> = (0..=newest + LOOKAHEAD_IDS).map(U256::from).collect();
        for id in &*self.always_read.lock().unwrap_or_else(PoisonError::into_inner) {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        Arc::new(ids)
    }

    /// Records a failure. Known ids stay in use.
    fn record_failure(&self, error: &ReadError) {
        self.known.send_if_modified(|known| match known {
            KnownIds::Unknown(why) => {
                *why = error.to_string();
                false
            }
            KnownIds::UpTo { .. } => false,
        });
    }

    fn malformed(&self) -> ReadError {
        ReadError::Contract { contract: self.memes, function: "totalSupply(uint256)" }
    }
}
