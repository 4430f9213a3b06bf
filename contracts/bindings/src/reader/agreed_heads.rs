//! The newest agreed block of each tag. A much older block is rejected from then on: stuck providers agree as well.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::call::{Block, BlockTag};
use super::config::ReaderConfig;
use super::error::ReadError;

/// Additional lag of settled blocks, two epochs: they advance by an epoch of 32 at a time, not everywhere at once.
const EPOCHS: u64 = 64;

/// Returns the maximum blocks that one provider may be behind another.
pub(super) fn lag(at: BlockTag, max_lag: u64) -> u64 {
    if matches!(at, BlockTag::Finalized | BlockTag::Safe) { max_lag.saturating_add(EPOCHS) } else { max_lag }
}

#[derive(Debug, Default)]
pub(super) struct AgreedHeads {
    latest: Mutex<Option<Block>>,
    finalized: Mutex<Option<Block>>,
    safe: Mutex<Option<Block>>,
}

impl AgreedHeads {
    /// Returns the newest agreed block; `None` for a block by number, whose age does not matter.
    pub(super) fn at(&self, at: BlockTag) -> Option<Block> {
        self.known(at).and_then(|known| *known)
    }

    /// Records the agreed block of `at`. Rejects it if it is too old or much older than `known`, the agreed block when
    /// the read began. A block with a later time is not older, whatever its number: a local chain was reset.
    pub(super) fn admit(
        &self,
        at: BlockTag,
        block: Block,
        known: Option<Block>,
        config: &ReaderConfig,
    ) -> Result<(), ReadError> {
        let (max_age, max_lag) = (config.max_head_age, config.max_lag);
        if at == BlockTag::Latest && !max_age.is_zero() && block.age() > max_age {
            let text = format!("the block that providers agree on is {} s old", block.age().as_secs());
            return Err(ReadError::Unavailable(text));
        }
        // Once for a provider that is behind, once for the block that it has in common with a liar.
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

    fn known(&self, at: BlockTag) -> Option<MutexGuard<'_, Option<Block>>> {
        let known = match at {
            BlockTag::Latest => &self.latest,
            BlockTag::Finalized => &self.finalized,
            BlockTag::Safe => &self.safe,
            BlockTag::Number(_) => return None,
        };
        // Poisoning is harmless: no partial state is visible.
        Some(known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
