//! The newest block that was agreed upon. Nothing much older counts from then on: providers that are stuck agree
//! as well.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::call::{At, Block};
use super::config::ReaderConfig;
use super::error::ReadError;

/// Settled blocks go on by an epoch of 32 at a time, and not everywhere at once.
const EPOCHS: u64 = 64;

/// Blocks that one provider may be behind another.
pub(super) fn lag(at: At, max_lag: u64) -> u64 {
    if matches!(at, At::Finalized | At::Safe) { max_lag.saturating_add(EPOCHS) } else { max_lag }
}

#[derive(Debug, Default)]
pub(super) struct AgreedHeads {
    latest: Mutex<Option<Block>>,
    finalized: Mutex<Option<Block>>,
    safe: Mutex<Option<Block>>,
}

impl AgreedHeads {
    /// What was agreed upon by now; whoever asks for a block by number gets it, however old it is.
    pub(super) fn at(&self, at: At) -> Option<Block> {
        self.known(at).and_then(|known| *known)
    }

    /// Takes what was agreed upon at `at`, unless it is too old or much older than what was `known` when it was
    /// asked for. A block with a later time is not older, whatever its number is: a local chain was put back.
    pub(super) fn admit(
        &self,
        at: At,
        block: Block,
        known: Option<Block>,
        config: &ReaderConfig,
    ) -> Result<(), ReadError> {
        let (max_age, max_lag) = (config.max_head_age, config.max_lag);
        if at == At::Latest && !max_age.is_zero() && block.age() > max_age {
            let text = format!("the block that providers agree on is {} s old", block.age().as_secs());
            return Err(ReadError::Unavailable(text));
        }
        // Once for who is behind, once for the block that he and a liar have in common.
        let lag = lag(at, max_lag).saturating_mul(2);
        let older = |known: &Block| {
            block.number.saturating_add(lag) < known.number && block.timestamp < known.timestamp
        };
        if let Some(known) = known.filter(older) {
            let text = format!("providers agree on block {}, and before on {}", block.number, known.number);
            return Err(ReadError::Unavailable(text));
        }
        if let Some(mut newest) = self.known(at) {
            let newer = |old: Block| block.number > old.number || block.timestamp > old.timestamp;
            if newest.is_none_or(newer) {
                *newest = Some(block);
            }
        }
        Ok(())
    }

    fn known(&self, at: At) -> Option<MutexGuard<'_, Option<Block>>> {
        let known = match at {
            At::Latest => &self.latest,
            At::Finalized => &self.finalized,
            At::Safe => &self.safe,
            At::Block(_) => return None,
        };
        // Whole at every moment.
        Some(known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
