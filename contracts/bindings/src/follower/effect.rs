//! Effects of events on the addresses that they name.

use std::collections::HashMap;
use std::collections::hash_map::IntoIter;

use alloy::primitives::Address;

/// Effect of an event on a right that rests on an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The right can only have begun: a card or a delegation was received. Anyone can cause that.
    Gain,
    /// The right may have ended: a card was given away, or a delegation registered, changed or revoked by the address
    /// itself.
    Loss,
}

/// The addresses that events name, with the worst effect on each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AddressEffects(HashMap<Address, Effect>);

impl AddressEffects {
    pub(super) fn record(&mut self, address: Address, effect: Effect) {
        let known = self.0.entry(address).or_insert(effect);
        *known = effect.max(*known);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.0.keys().copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Address, Effect)> {
        self.0.iter().map(|(address, effect)| (*address, *effect))
    }
}

impl Extend<(Address, Effect)> for AddressEffects {
    fn extend<T: IntoIterator<Item = (Address, Effect)>>(&mut self, effects: T) {
        for (address, effect) in effects {
            self.record(address, effect);
        }
    }
}

impl IntoIterator for AddressEffects {
    type Item = (Address, Effect);
    type IntoIter = IntoIter<Address, Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
