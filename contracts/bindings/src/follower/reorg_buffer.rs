//! The newest processed blocks with their effects, so that the addresses of undone blocks are reported again. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;

use super::change_batch::Cursor;
use super::effect::AddressEffects;

/// Maximum blocks in the buffer; Ethereum finalizes after about 64.
const MAX_BLOCKS: usize = 256;
/// Maximum addresses of all blocks together; the oldest blocks are dropped first.
const MAX_ADDRESSES: usize = 200_000;

/// A processed block, or the last block of a processed range.
#[derive(Debug, Clone)]
pub(super) struct ProcessedBlock {
    pub(super) cursor: Cursor,
    pub(super) effects: Arc<AddressEffects>,
}

/// Processed blocks, oldest first.
#[derive(Debug, Default)]
pub(super) struct ReorgBuffer {
    blocks: VecDeque<ProcessedBlock>,
    addresses: usize,
}

impl ReorgBuffer {
    /// Creates a buffer that contains only `cursor`.
    pub(super) fn after(cursor: Option<Cursor>) -> Self {
        let mut buffer = Self::default();
        if let Some(at) = cursor {
            buffer.push(at, AddressEffects::default());
        }
        buffer
    }

    /// Returns the newest block.
    pub(super) fn newest(&self) -> Option<Cursor> {
        self.blocks.back().map(|block| block.cursor)
    }

    pub(super) fn push(&mut self, at: Cursor, effects: AddressEffects) {
        self.addresses += effects.len();
        self.blocks.push_back(ProcessedBlock { cursor: at, effects: Arc::new(effects) });
        while self.blocks.len() > MAX_BLOCKS || (self.addresses > MAX_ADDRESSES && self.blocks.len() > 1) {
            if let Some(block) = self.blocks.pop_front() {
                self.addresses -= block.effects.len();
            }
        }
    }

    /// Removes the newest block.
    pub(super) fn pop(&mut self) -> Option<ProcessedBlock> {
        let block = self.blocks.pop_back()?;
        self.addresses -= block.effects.len();
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

    use super::super::effect::Effect;
    use super::*;

    fn at(number: u64) -> Cursor {
        Cursor { number, hash: B256::from(alloy::primitives::U256::from(number)) }
    }

    fn losses(from: u64, count: u64) -> AddressEffects {
        let mut effects = AddressEffects::default();
        for number in from..from + count {
            effects.record(Address::left_padding_from(&number.to_be_bytes()), Effect::Loss);
        }
        effects
    }

    #[test]
    fn keeps_only_the_newest_blocks() {
        let mut buffer = ReorgBuffer::after(None);
        assert_eq!(buffer.newest(), None);
        for number in 0..1000 {
            buffer.push(at(number), losses(number, 2));
        }
        assert_eq!(
            (buffer.newest(), buffer.blocks.len(), buffer.addresses),
            (Some(at(999)), MAX_BLOCKS, 2 * MAX_BLOCKS)
        );
        let undone = buffer.pop().unwrap();
        assert_eq!((undone.cursor, undone.effects.len()), (at(999), 2));
        assert_eq!(buffer.newest(), Some(at(998)));
    }

    #[test]
    fn large_blocks_displace_older_ones_but_not_themselves() {
        let mut buffer = ReorgBuffer::after(Some(at(1)));
        buffer.push(at(2), losses(0, 150_000));
        buffer.push(at(3), losses(0, 250_000));
        assert_eq!((buffer.blocks.len(), buffer.newest()), (1, Some(at(3))));
        buffer.pop();
        assert_eq!((buffer.addresses, buffer.newest()), (0, None));
    }
}
