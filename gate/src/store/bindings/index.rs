//! Bindings in memory, so that a handshake needs no I/O.
//!
//! # Why strangers cannot displace the owner's binding
//! Any holder of a card can bind any public account, so an account may collect bindings that its owner never made. The
//! order of [`BindingIndex::of_account`] and the cap use only what a stranger cannot forge: a handshake is signed with
//! the account's own key.
//! 1. First: bindings through which a handshake was admitted, latest use first. Only the owner of the account moves
//!    one into this class, so no number of strangers moves it back.
//! 2. Then: bindings that no handshake has tried, newest signature first: a holder signs in and then connects. To come
//!    between, a stranger would have to sign in again and again within that minute.
//! 3. Then: bindings that the last handshake tried in vain, once useful ones first and the longest ago first, so that
//!    each gets another turn. A stranger's binding without a card or a free device slot ends here after one try.
//! 4. Last: expired bindings; they only distinguish "sign in again" from "never signed in".
//!
//! # Bounds
//! An account has at most [`MAX_PER_ACCOUNT`] bindings. The cards behind a binding belong to its *holders*. The group
//! of a newcomer consists of the bindings that have no holder outside the newcomer's holders. Of a group, at most
//! [`MAX_PER_ACCOUNT_AND_HOLDER`] for each holder bind one account, and [`MAX_PER_HOLDER`] for each holder bind any.
//! So a crowd of wallets with one card displaces only itself. Beyond a bound the first of these is replaced: an
//! expired binding, one that no longer entitles and was never used, one that no handshake tried (the middle ones by
//! age first), the one used longest ago. A binding of a live session is never replaced: then the newcomer is refused.
//! So is, from [`MIXED_HOLDERS_THRESHOLD`] bindings on, a newcomer of several holders none of which has fewer than
//! [`MAX_PER_ACCOUNT_AND_HOLDER`] bindings there.

use std::cmp::Reverse;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use alloy::primitives::Address;
use hashbrown::HashTable;
use sentinel_proto::address::AccountAddress;

use crate::store::bindings::binding::{Binding, BindingKey};
use crate::store::bindings::slab::Slab;
use crate::store::bindings::slot::{Slot, seconds};
use crate::store::clock::UnixTime;

/// Bindings of one account.
pub const MAX_PER_ACCOUNT: usize = 32;
/// Bindings of one account for each holder of their cards.
pub const MAX_PER_ACCOUNT_AND_HOLDER: usize = 2;
/// Bindings of one account from which on each further one of several holders needs a holder with less than
/// [`MAX_PER_ACCOUNT_AND_HOLDER`] of them.
const MIXED_HOLDERS_THRESHOLD: usize = MAX_PER_ACCOUNT / 2;
/// Bindings of all accounts for each holder of their cards.
pub const MAX_PER_HOLDER: usize = 16;
/// Holders that are remembered of one binding.
pub(crate) const MAX_HOLDERS: usize = 5;

/// All bindings, indexed by account and by wallet. Two hash tables of slab indexes: trees of keys took twice the
/// memory.
#[derive(Debug, Default)]
pub(in crate::store) struct BindingIndex {
    slots: Slab<Slot>,
    by_account: HashTable<u32>,
    by_wallet: HashTable<u32>,
    hasher: RandomState,
    /// Vaults, kept apart because few bindings name one.
    vaults: BTreeMap<BindingKey, Address>,
    /// Holders of the cards, where that is not the wallet alone; few bindings have an entry.
    holders: BTreeMap<BindingKey, Box<[Address]>>,
    by_holder: BTreeSet<(Address, BindingKey)>,
    /// Bindings with a last use that is not on the disk yet.
    touched: BTreeSet<BindingKey>,
}

impl BindingIndex {
    pub(in crate::store) fn get(&self, key: &BindingKey) -> Option<Binding> {
        self.number(key).map(|number| self.whole(self.slots.at(number)))
    }

    /// Inserts a binding and replaces the older one of the same wallet and account. `holders`: the addresses that hold
    /// the cards behind it; empty stands for the wallet itself.
    pub(in crate::store) fn put(&mut self, binding: &Binding, holders: &[Address]) {
        let key = binding.key();
        self.forget_holders(&key);
        if !matches!(holders, [] | [_]) || holders.first().is_some_and(|holder| *holder != key.wallet) {
            self.by_holder.extend(holders.iter().map(|holder| (*holder, key)));
            self.holders.insert(key, holders.into());
        }
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

    /// Removes the binding unless a newer one replaced it.
    pub(in crate::store) fn remove(&mut self, key: &BindingKey, id: i64) {
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
        self.forget_holders(&slot.key());
    }

    fn forget_holders(&mut self, key: &BindingKey) {
        for holder in self.holders.remove(key).into_iter().flatten() {
            self.by_holder.remove(&(holder, *key));
        }
    }

    /// The bindings of an account in the order in which a handshake should try them.
    pub(in crate::store) fn of_account(&self, account: &AccountAddress, now: UnixTime) -> Vec<Binding> {
        let hash = self.hasher.hash_one(account.as_bytes());
        let slots = self.by_account.iter_hash(hash).map(|number| self.slots.at(*number));
        let of_account = slots.filter(|slot| slot.account == *account.as_bytes());
        let mut bindings: Vec<Binding> = of_account.map(|slot| self.whole(slot)).collect();
        bindings.sort_unstable_by_key(|binding| rank(binding, now));
        bindings
    }

    /// The accounts to which a wallet has live bindings.
    pub(in crate::store) fn accounts_of(&self, wallet: Address, now: UnixTime) -> Vec<AccountAddress> {
        let numbers = self.by_wallet.iter_hash(self.hasher.hash_one(wallet));
        let slots = numbers.map(|number| self.slots.at(*number));
        let live = slots.filter(|slot| slot.wallet == wallet && i64::from(slot.expires_at) > now);
        let mut accounts: Vec<AccountAddress> = live.map(|slot| slot.key().account).collect();
        accounts.sort_unstable();
        accounts
    }

    /// Bindings that a newcomer with cards of `holders` replaces. `None`: there is no room, since live sessions rest
    /// on the bindings in the way.
    pub(in crate::store) fn bindings_to_replace(
        &self,
        newcomer: &BindingKey,
        holders: &[Address],
        now: UnixTime,
        is_in_use: impl Fn(&BindingKey) -> bool,
    ) -> Option<Vec<Binding>> {
        let own = [newcomer.wallet];
        let holders = if holders.is_empty() { &own } else { holders };
        let is_other =
            |binding: &Binding| binding.wallet != newcomer.wallet || binding.account != newcomer.account;
        let of_account: Vec<Binding> =
            self.of_account(&newcomer.account, now).into_iter().filter(is_other).collect();
        let group: Vec<Binding> = self.group(holders, now).into_iter().filter(is_other).collect();
        let in_account = group.iter().filter(|binding| binding.account == newcomer.account);
        let bounds = [
            (in_account.copied().collect(), MAX_PER_ACCOUNT_AND_HOLDER * holders.len()),
            (group, MAX_PER_HOLDER * holders.len()),
            (of_account.clone(), MAX_PER_ACCOUNT),
        ];
        let mut gone: Vec<Binding> = Vec::new();
        for (mut others, bound) in bounds {
            others.retain(|binding| !gone.iter().any(|gone| gone.id == binding.id));
            let class = |binding: &Binding| match binding {
                _ if binding.expired(now) => 4,
                _ if is_in_use(&binding.key()) => 0,
                Binding { last_used_at: Some(_), .. } => 1,
                Binding { refused_at: None, .. } => UNTRIED,
                _ => 3,
            };
            // Stable, so within a class the order in which they are tried decides.
            others.sort_by_key(class);
            let untried = others.partition_point(|binding| class(binding) < UNTRIED)
                ..others.partition_point(|binding| class(binding) <= UNTRIED);
            order_middle_last(&mut others[untried]);
            gone.extend(others.split_off(others.len().min(bound - 1)));
        }
        let none_in_use = gone.iter().all(|binding| binding.expired(now) || !is_in_use(&binding.key()));
        let mut left = of_account;
        left.retain(|binding| !binding.expired(now) && !gone.iter().any(|gone| gone.id == binding.id));
        (none_in_use && !self.is_redundant_mix(&left, holders)).then_some(gone)
    }

    /// Whether a newcomer to an account with these bindings only recombines `holders`: few cards, delegated in many
    /// combinations, form many groups, and each card has its bindings already.
    fn is_redundant_mix(&self, bindings: &[Binding], holders: &[Address]) -> bool {
        let is_of = |binding: &Binding, holder: &Address| match self.holders.get(&binding.key()) {
            Some(holders) => holders.contains(holder),
            None => binding.wallet == *holder,
        };
        let bindings_of = |holder: &Address| bindings.iter().filter(|one| is_of(one, holder)).count();
        let is_mixed = holders.len() > 1;
        is_mixed
            && bindings.len() >= MIXED_HOLDERS_THRESHOLD
            && holders.iter().all(|holder| bindings_of(holder) >= MAX_PER_ACCOUNT_AND_HOLDER)
    }

    /// Bindings without a holder outside `holders`, in the order in which to try them.
    fn group(&self, holders: &[Address], now: UnixTime) -> Vec<Binding> {
        let mut group = BTreeMap::new();
        for holder in holders {
            let own =
                self.by_wallet.iter_hash(self.hasher.hash_one(holder)).map(|number| self.slots.at(*number));
            let own = own.filter(|slot| slot.wallet == *holder && !self.holders.contains_key(&slot.key()));
            let from = (*holder, BindingKey::FIRST)..;
            let foreign = self.by_holder.range(from).take_while(|(of, _)| of == holder).map(|(_, key)| key);
            let foreign = foreign.filter(|key| {
                self.holders.get(key).is_some_and(|known| known.iter().all(|one| holders.contains(one)))
            });
            let found = own.map(|slot| self.whole(slot)).chain(foreign.filter_map(|key| self.get(key)));
            group.extend(found.map(|binding| (binding.id, binding)));
        }
        let mut group: Vec<Binding> = group.into_values().collect();
        group.sort_unstable_by_key(|binding| rank(binding, now));
        group
    }

    /// Records that a handshake was admitted through the binding.
    pub(in crate::store) fn touch(&mut self, key: &BindingKey, now: UnixTime) {
        let Some(number) = self.number(key) else { return };
        let slot = self.slots.at_mut(number);
        slot.refused_at = 0;
        if slot.last_used_at != seconds(now) {
            slot.last_used_at = seconds(now);
            self.touched.insert(*key);
        }
    }

    /// Records that a handshake tried the binding in vain.
    pub(in crate::store) fn refuse(&mut self, key: &BindingKey, now: UnixTime) {
        if let Some(number) = self.number(key) {
            self.slots.at_mut(number).refused_at = seconds(now);
        }
    }

    /// Takes the bindings with a last use that is to be written.
    pub(in crate::store) fn take_used(&mut self) -> Vec<Binding> {
        let touched = std::mem::take(&mut self.touched);
        touched.iter().filter_map(|key| self.get(key)).collect()
    }

    /// Row numbers of the bindings that expired before `limit`.
    pub(in crate::store) fn ended(&self, limit: UnixTime) -> Vec<i64> {
        self.all().filter(|(_, slot)| slot.ended(limit)).map(|(_, slot)| slot.id).collect()
    }

    /// Removes the bindings that expired before `limit`.
    pub(in crate::store) fn forget(&mut self, limit: UnixTime) {
        self.remove_where(|slot| slot.ended(limit));
    }

    /// Erases a wallet: its bindings, and its role as vault or holder in others.
    pub(in crate::store) fn erase(&mut self, wallet: Address) {
        self.remove_where(|slot| slot.wallet == wallet);
        self.vaults.retain(|_, vault| *vault != wallet);
        let of_wallet = (wallet, BindingKey::FIRST)..;
        let rest_on_it: Vec<BindingKey> = self
            .by_holder
            .range(of_wallet)
            .take_while(|(holder, _)| *holder == wallet)
            .map(|(_, key)| *key)
            .collect();
        for key in rest_on_it {
            self.forget_holders(&key);
        }
    }

    fn remove_where(&mut self, is_meant: impl Fn(&Slot) -> bool) {
        let meant: Vec<u32> =
            self.all().filter(|(_, slot)| is_meant(slot)).map(|(number, _)| number).collect();
        for number in meant {
            self.take(number);
        }
        if self.slots.is_sparse() {
            self.shrink();
        }
    }

    /// Rebuilds the tables to release the memory of removed bindings.
    fn shrink(&mut self) {
        let mut kept = Self::default();
        for (_, slot) in self.all() {
            kept.add(*slot);
        }
        kept.vaults = std::mem::take(&mut self.vaults);
        kept.touched = std::mem::take(&mut self.touched);
        kept.holders = std::mem::take(&mut self.holders);
        kept.by_holder = std::mem::take(&mut self.by_holder);
        *self = kept;
    }

    pub(in crate::store) fn len(&self) -> usize {
        self.by_account.len()
    }
}

/// The class of bindings that no handshake has tried.
const UNTRIED: u8 = 2;

/// Orders untried bindings from the outside to the middle: the oldest and the newest stay, so that an owner's sign-in
/// before a crowd is as safe as one after it.
fn order_middle_last(bindings: &mut [Binding]) {
    let ordered = bindings.to_vec();
    let (mut ends, mut from_front) = (ordered.as_slice(), true);
    for place in bindings {
        let (next, rest) = if from_front {
            ends.split_first().map_or((None, ends), |(first, rest)| (Some(first), rest))
        } else {
            ends.split_last().map_or((None, ends), |(last, rest)| (Some(last), rest))
        };
        if let Some(next) = next {
            *place = *next;
        }
        (ends, from_front) = (rest, !from_front);
    }
}

/// Sort key: class, order within the class, then the row number for a total order.
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
mod tests;
