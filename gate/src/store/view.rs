//! The bindings in memory: what a handshake asks, without any I/O.
//!
//! # Why strangers cannot crowd the owner out
//! Anybody with a card can bind anybody's public account, so an account may collect bindings that its
//! owner never made. The order of [`View::of_account`] and the cap use only what a stranger cannot
//! forge: a handshake is signed with the account's own key.
//! 1. First come bindings through which a handshake was admitted, the latest use first. Only the owner
//!    of the account gets one into this class, so no number of strangers moves it back.
//! 2. Then those that no handshake has tried, the newest signature first: a holder signs in and then
//!    connects. To come between, a stranger would have to sign in again and again in that very minute.
//! 3. Then those that the last handshake tried in vain, once useful ones before the others and the
//!    longest ago first, so that each gets another turn. A stranger's binding whose card was sold or
//!    whose devices are used up ends here after one try.
//! 4. Expired ones last; they only tell "sign in again" from "never signed in".
//!
//! Beyond [`MAX_PER_ACCOUNT`] one is forgotten: an expired one, else one that was tried in vain and
//! never of use, else the oldest that was never tried, and only then one that was of use. So what an
//! owner once used stays, and what he just signed could only go if that many different wallets, each
//! with a card at that moment, bound his account before he connects; then he signs again.

use std::cmp::Reverse;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use alloy::primitives::Address;
use hashbrown::HashTable;
use sentinel_proto::address::AccountAddress;

use super::binding::{Binding, BindingKey};
use super::clock::UnixTime;
use super::shelf::Shelf;

/// How many bindings of one account are remembered.
pub const MAX_PER_ACCOUNT: usize = 256;

/// All bindings, found by account and by wallet. Two tables of numbers: trees of keys took twice the room.
#[derive(Debug, Default)]
pub(super) struct View {
    slots: Shelf<Slot>,
    by_account: HashTable<u32>,
    by_wallet: HashTable<u32>,
    hasher: RandomState,
    /// What few of them name.
    vaults: BTreeMap<BindingKey, Address>,
    /// Whose last use is not yet on the disk.
    touched: BTreeSet<BindingKey>,
}

/// A binding without its vault. Seconds in 32 bits reach to the year 2106; 0 means never.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    id: i64,
    account: [u8; 20],
    wallet: Address,
    issued_at: u32,
    expires_at: u32,
    last_used_at: u32,
    refused_at: u32,
}

impl View {
    pub(super) fn get(&self, key: &BindingKey) -> Option<Binding> {
        self.number(key).map(|number| self.whole(self.slots.at(number)))
    }

    /// Puts a binding in the place of the older one of the same wallet and account.
    pub(super) fn put(&mut self, binding: &Binding) {
        let key = binding.key();
        match binding.vault {
            Some(vault) => self.vaults.insert(key, vault),
            None => self.vaults.remove(&key),
        };
        match self.number(&key) {
            Some(number) => *self.slots.at_mut(number) = Slot::of(binding),
            None => self.add(Slot::of(binding)),
        }
    }

    fn add(&mut self, slot: Slot) {
        let Self { slots, by_account, by_wallet, hasher, .. } = self;
        let number = slots.put(slot);
        let account = |number: &u32| hasher.hash_one(slots.at(*number).account);
        let wallet = |number: &u32| hasher.hash_one(slots.at(*number).wallet);
        by_account.insert_unique(account(&number), number, account);
        by_wallet.insert_unique(wallet(&number), number, wallet);
    }

    fn number(&self, key: &BindingKey) -> Option<u32> {
        let hash = self.hasher.hash_one(key.account.as_bytes());
        self.by_account.find(hash, |number| self.slots.at(*number).key() == *key).copied()
    }

    fn whole(&self, slot: &Slot) -> Binding {
        slot.binding(self.vaults.get(&slot.key()).copied())
    }

    fn all(&self) -> impl Iterator<Item = (u32, &Slot)> {
        self.by_account.iter().map(|number| (*number, self.slots.at(*number)))
    }

    /// Removes the binding unless a newer one took its place.
    pub(super) fn remove(&mut self, key: &BindingKey, id: i64) {
        if let Some(number) = self.number(key)
            && self.slots.at(number).id == id
        {
            self.take(number);
        }
    }

    fn take(&mut self, number: u32) {
        let slot = self.slots.take(number);
        let (account, wallet) = (self.hasher.hash_one(slot.account), self.hasher.hash_one(slot.wallet));
        for (table, hash) in [(&mut self.by_account, account), (&mut self.by_wallet, wallet)] {
            if let Ok(found) = table.find_entry(hash, |other| *other == number) {
                found.remove();
            }
        }
        self.vaults.remove(&slot.key());
        self.touched.remove(&slot.key());
    }

    /// The bindings of an account in the order in which a handshake should try them.
    pub(super) fn of_account(&self, account: &AccountAddress, now: UnixTime) -> Vec<Binding> {
        let hash = self.hasher.hash_one(account.as_bytes());
        let slots = self.by_account.iter_hash(hash).map(|number| self.slots.at(*number));
        let of_account = slots.filter(|slot| slot.account == *account.as_bytes());
        let mut bindings: Vec<Binding> = of_account.map(|slot| self.whole(slot)).collect();
        bindings.sort_unstable_by_key(|binding| rank(binding, now));
        bindings
    }

    /// The accounts to which a wallet has live bindings.
    pub(super) fn accounts_of(&self, wallet: Address, now: UnixTime) -> Vec<AccountAddress> {
        let numbers = self.by_wallet.iter_hash(self.hasher.hash_one(wallet));
        let slots = numbers.map(|number| self.slots.at(*number));
        let live = slots.filter(|slot| slot.wallet == wallet && i64::from(slot.expires_at) > now);
        let mut accounts: Vec<AccountAddress> = live.map(|slot| slot.key().account).collect();
        accounts.sort_unstable();
        accounts
    }

    /// Those for which one more binding of this account leaves no room.
    pub(super) fn overflow(&self, newcomer: &BindingKey, now: UnixTime) -> Vec<Binding> {
        let mut others = self.of_account(&newcomer.account, now);
        others.retain(|binding| binding.wallet != newcomer.wallet);
        // Stable, so within a class the order in which they are tried decides.
        others.sort_by_key(|binding| match binding {
            _ if binding.expired(now) => 3,
            Binding { last_used_at: Some(_), .. } => 0,
            Binding { refused_at: None, .. } => 1,
            _ => 2,
        });
        others.split_off(others.len().min(MAX_PER_ACCOUNT - 1))
    }

    /// A handshake was admitted through it.
    pub(super) fn touch(&mut self, key: &BindingKey, now: UnixTime) {
        let Some(number) = self.number(key) else { return };
        let slot = self.slots.at_mut(number);
        slot.refused_at = 0;
        if slot.last_used_at != seconds(now) {
            slot.last_used_at = seconds(now);
            self.touched.insert(*key);
        }
    }

    /// A handshake tried it in vain.
    pub(super) fn refuse(&mut self, key: &BindingKey, now: UnixTime) {
        if let Some(number) = self.number(key) {
            self.slots.at_mut(number).refused_at = seconds(now);
        }
    }

    /// Takes the list of those whose last use is to be written.
    pub(super) fn take_touched(&mut self) -> Vec<Binding> {
        let touched = std::mem::take(&mut self.touched);
        touched.iter().filter_map(|key| self.get(key)).collect()
    }

    /// The numbers of those that ended before `limit`.
    pub(super) fn ended(&self, limit: UnixTime) -> Vec<i64> {
        self.all().filter(|(_, slot)| slot.ended(limit)).map(|(_, slot)| slot.id).collect()
    }

    /// Removes those that ended before `limit`.
    pub(super) fn forget(&mut self, limit: UnixTime) {
        self.take_all(|slot| slot.ended(limit));
    }

    /// Forgets a wallet: its bindings, and that others named it as their vault.
    pub(super) fn erase(&mut self, wallet: Address) {
        self.take_all(|slot| slot.wallet == wallet);
        self.vaults.retain(|_, vault| *vault != wallet);
    }

    fn take_all(&mut self, is_meant: impl Fn(&Slot) -> bool) {
        let meant: Vec<u32> =
            self.all().filter(|(_, slot)| is_meant(slot)).map(|(number, _)| number).collect();
        for number in meant {
            self.take(number);
        }
        if self.slots.is_sparse() {
            self.shrink();
        }
    }

    /// Gives back the room of those that are gone.
    fn shrink(&mut self) {
        let mut kept = Self::default();
        for (_, slot) in self.all() {
            kept.add(*slot);
        }
        kept.vaults = std::mem::take(&mut self.vaults);
        kept.touched = std::mem::take(&mut self.touched);
        *self = kept;
    }

    pub(super) fn len(&self) -> usize {
        self.by_account.len()
    }
}

impl Slot {
    fn of(binding: &Binding) -> Self {
        Self {
            id: binding.id,
            account: *binding.account.as_bytes(),
            wallet: binding.wallet,
            issued_at: seconds(binding.issued_at),
            expires_at: seconds(binding.expires_at),
            last_used_at: binding.last_used_at.map_or(0, seconds),
            refused_at: binding.refused_at.map_or(0, seconds),
        }
    }

    fn key(&self) -> BindingKey {
        BindingKey { account: AccountAddress::new(self.account), wallet: self.wallet }
    }

    fn ended(&self, limit: UnixTime) -> bool {
        i64::from(self.expires_at) <= limit
    }

    fn binding(&self, vault: Option<Address>) -> Binding {
        let moment = |seconds: u32| (seconds != 0).then_some(UnixTime::from(seconds));
        Binding {
            id: self.id,
            account: AccountAddress::new(self.account),
            wallet: self.wallet,
            vault,
            issued_at: self.issued_at.into(),
            expires_at: self.expires_at.into(),
            last_used_at: moment(self.last_used_at),
            refused_at: moment(self.refused_at),
        }
    }
}

fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

/// Class, then the order in it, then the number so that the order is total.
fn rank(binding: &Binding, now: UnixTime) -> (u8, Reverse<UnixTime>, Reverse<i64>) {
    let (class, order) = match (binding.refused_at, binding.last_used_at) {
        _ if binding.expired(now) => (4, binding.expires_at),
        (None, Some(used)) => (0, used),
        (None, None) => (1, binding.issued_at),
        (Some(refused), Some(_)) => (2, -refused),
        (Some(refused), None) => (3, -refused),
    };
    (class, Reverse(order), Reverse(binding.id))
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
