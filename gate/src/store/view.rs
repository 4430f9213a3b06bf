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
use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use super::binding::{Binding, BindingKey};
use super::clock::UnixTime;

/// How many bindings of one account are remembered.
pub const MAX_PER_ACCOUNT: usize = 256;

/// All bindings, ordered so that those of an account stand together.
#[derive(Debug, Default)]
pub(super) struct View {
    bindings: BTreeMap<BindingKey, Slot>,
    /// What few of them name.
    vaults: BTreeMap<BindingKey, Address>,
    by_wallet: BTreeSet<(Address, AccountAddress)>,
    /// Whose last use is not yet on the disk.
    touched: BTreeSet<BindingKey>,
}

/// A binding without its key and its vault. Seconds in 32 bits reach to the year 2106; 0 means never.
#[derive(Debug, Clone, Copy)]
struct Slot {
    id: i64,
    issued_at: u32,
    expires_at: u32,
    last_used_at: u32,
    refused_at: u32,
}

impl View {
    pub(super) fn get(&self, key: &BindingKey) -> Option<Binding> {
        self.bindings.get(key).map(|slot| self.whole(key, slot))
    }

    /// Puts a binding in the place of the older one of the same wallet and account.
    pub(super) fn put(&mut self, binding: &Binding) {
        let key = binding.key();
        self.by_wallet.insert((key.wallet, key.account));
        match binding.vault {
            Some(vault) => self.vaults.insert(key, vault),
            None => self.vaults.remove(&key),
        };
        self.bindings.insert(key, Slot::of(binding));
    }

    fn whole(&self, key: &BindingKey, slot: &Slot) -> Binding {
        slot.binding(key, self.vaults.get(key).copied())
    }

    /// Removes the binding unless a newer one took its place.
    pub(super) fn remove(&mut self, key: &BindingKey, id: i64) {
        if self.bindings.get(key).is_some_and(|slot| slot.id == id) {
            self.bindings.remove(key);
            self.vaults.remove(key);
            self.by_wallet.remove(&(key.wallet, key.account));
            self.touched.remove(key);
        }
    }

    /// The bindings of an account in the order in which a handshake should try them.
    pub(super) fn of_account(&self, account: &AccountAddress, now: UnixTime) -> Vec<Binding> {
        let first = BindingKey { account: *account, wallet: Address::ZERO };
        let last = BindingKey { account: *account, wallet: Address::repeat_byte(0xff) };
        let mut bindings: Vec<Binding> =
            self.bindings.range(first..=last).map(|(key, slot)| self.whole(key, slot)).collect();
        bindings.sort_unstable_by_key(|binding| rank(binding, now));
        bindings
    }

    /// The accounts to which a wallet has live bindings.
    pub(super) fn accounts_of(&self, wallet: Address, now: UnixTime) -> Vec<AccountAddress> {
        let first = (wallet, AccountAddress::new([0; 20]));
        let last = (wallet, AccountAddress::new([0xff; 20]));
        let live = |account: &AccountAddress| {
            self.get(&BindingKey { account: *account, wallet }).is_some_and(|binding| !binding.expired(now))
        };
        self.by_wallet.range(first..=last).map(|(_, account)| *account).filter(live).collect()
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
        if let Some(slot) = self.bindings.get_mut(key) {
            slot.refused_at = 0;
            if slot.last_used_at != seconds(now) {
                slot.last_used_at = seconds(now);
                self.touched.insert(*key);
            }
        }
    }

    /// A handshake tried it in vain.
    pub(super) fn refuse(&mut self, key: &BindingKey, now: UnixTime) {
        if let Some(slot) = self.bindings.get_mut(key) {
            slot.refused_at = seconds(now);
        }
    }

    /// Takes the list of those whose last use is to be written.
    pub(super) fn take_touched(&mut self) -> Vec<Binding> {
        let touched = std::mem::take(&mut self.touched);
        touched.iter().filter_map(|key| self.get(key)).collect()
    }

    /// The numbers of those that ended before `limit`.
    pub(super) fn ended(&self, limit: UnixTime) -> Vec<i64> {
        let ended = |slot: &&Slot| i64::from(slot.expires_at) <= limit;
        self.bindings.values().filter(ended).map(|slot| slot.id).collect()
    }

    /// Removes those that ended before `limit`.
    pub(super) fn forget(&mut self, limit: UnixTime) {
        self.bindings.retain(|key, slot| {
            let keep = i64::from(slot.expires_at) > limit;
            if !keep {
                self.vaults.remove(key);
                self.by_wallet.remove(&(key.wallet, key.account));
                self.touched.remove(key);
            }
            keep
        });
    }

    /// Forgets a wallet: its bindings, and that others named it as their vault.
    pub(super) fn erase(&mut self, wallet: Address) {
        self.bindings.retain(|key, _| key.wallet != wallet);
        self.touched.retain(|key| key.wallet != wallet);
        self.by_wallet.retain(|(signer, _)| *signer != wallet);
        self.vaults.retain(|key, vault| key.wallet != wallet && *vault != wallet);
    }

    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }
}

impl Slot {
    fn of(binding: &Binding) -> Self {
        Self {
            id: binding.id,
            issued_at: seconds(binding.issued_at),
            expires_at: seconds(binding.expires_at),
            last_used_at: binding.last_used_at.map_or(0, seconds),
            refused_at: binding.refused_at.map_or(0, seconds),
        }
    }

    fn binding(&self, key: &BindingKey, vault: Option<Address>) -> Binding {
        let moment = |seconds: u32| (seconds != 0).then_some(UnixTime::from(seconds));
        Binding {
            id: self.id,
            account: key.account,
            wallet: key.wallet,
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
