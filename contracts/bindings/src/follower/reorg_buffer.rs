//! The newest blocks that were told, and whom each touched: what is undone is looked at again. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;

use super::change_batch::Cursor;
use super::effect::AddressEffects;

/// Blocks that are remembered; Ethereum finalizes after about 64.
const MAX_BLOCKS: usize = 256;
/// Addresses that are remembered, all blocks together: older blocks go first.
const MAX_ADDRESSES: usize = 200_000;

/// One told block, or the last one of a told range.
#[derive(Debug, Clone)]
pub(super) struct ProcessedBlock {
    pub(super) at: Cursor,
    pub(super) effects: Arc<AddressEffects>,
}

/// The marks, oldest first.
#[derive(Debug, Default)]
pub(super) struct ReorgBuffer {
    marks: VecDeque<ProcessedBlock>,
    addresses: usize,
}

impl ReorgBuffer {
    /// Goes on after `cursor`.
    pub(super) fn after(cursor: Option<Cursor>) -> Self {
        let mut trail = Self::default();
        if let Some(at) = cursor {
            trail.push(at, AddressEffects::default());
        }
        trail
    }

    /// The newest one.
    pub(super) fn newest(&self) -> Option<Cursor> {
        self.marks.back().map(|mark| mark.at)
    }

    pub(super) fn push(&mut self, at: Cursor, effects: AddressEffects) {
        self.addresses += effects.len();
        self.marks.push_back(ProcessedBlock { at, effects: Arc::new(effects) });
        while self.marks.len() > MAX_BLOCKS || (self.addresses > MAX_ADDRESSES && self.marks.len() > 1) {
            if let Some(mark) = self.marks.pop_front() {
                self.addresses -= mark.effects.len();
            }
        }
    }

    /// The newest one is undone.
    pub(super) fn pop(&mut self) -> Option<ProcessedBlock> {
        let mark = self.marks.pop_back()?;
        self.addresses -= mark.effects.len();
        Some(mark)
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

    fn people(from: u64, count: u64) -> AddressEffects {
        let mut effects = AddressEffects::default();
        for number in from..from + count {
            effects.note(Address::left_padding_from(&number.to_be_bytes()), Effect::Loss);
        }
        effects
    }

    #[test]
    fn the_newest_blocks_are_remembered() {
        let mut trail = ReorgBuffer::after(None);
        assert_eq!(trail.newest(), None);
        for number in 0..1000 {
            trail.push(at(number), people(number, 2));
        }
        assert_eq!(
            (trail.newest(), trail.marks.len(), trail.addresses),
            (Some(at(999)), MAX_BLOCKS, 2 * MAX_BLOCKS)
        );
        let undone = trail.pop().unwrap();
        assert_eq!((undone.at, undone.effects.len()), (at(999), 2));
        assert_eq!(trail.newest(), Some(at(998)));
    }

    #[test]
    fn huge_blocks_push_out_old_ones_but_the_last_stays() {
        let mut trail = ReorgBuffer::after(Some(at(1)));
        trail.push(at(2), people(0, 150_000));
        trail.push(at(3), people(0, 250_000));
        assert_eq!((trail.marks.len(), trail.newest()), (1, Some(at(3))));
        trail.pop();
        assert_eq!((trail.addresses, trail.newest()), (0, None));
    }
}
