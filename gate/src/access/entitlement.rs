//! Entitlement of a wallet: a bounded set of bases.

use std::cmp::Reverse;
use std::collections::HashSet;

use alloy::primitives::{Address, U256};

use super::basis::{Basis, MAX_SHOWN_CARDS, Tier, Via};

/// All bases of one wallet that a query found. A session rests on one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The wallet that was asked about.
    pub wallet: Address,
    /// Bases in the order in which an admission tries them: own cards, then the named vault, then listed vaults with
    /// the oldest delegation of each list first. Within one holder: by [`Via`], then the better tier first.
    pub bases: Vec<Basis>,
    /// All vaults that were read, with or without a basis.
    pub examined: Vec<Address>,
    /// Number of the oldest block that was read. The answer is current only if no read is older than a change.
    pub block: u64,
    /// The delegation lists of this wallet are too long to read in full. The holder can name the vault instead.
    pub delegations_unread: bool,
    /// Reading the vaults failed, so bases may be missing.
    pub is_partial: bool,
}

impl Entitlement {
    /// Whether there is no basis.
    pub fn is_denied(&self) -> bool {
        self.bases.is_empty()
    }

    /// Returns the distinct holders of the cards in the order of the bases.
    pub fn holders(&self) -> Vec<Address> {
        let mut seen = HashSet::new();
        let holders = self.bases.iter().map(|basis| basis.holder(self.wallet));
        holders.filter(|holder| seen.insert(*holder)).collect()
    }

    /// Earliest expiry of a basis.
    pub(super) fn expires_at(&self) -> Option<u64> {
        self.bases.iter().filter_map(|basis| basis.expires_at).min()
    }

    /// Returns the best basis: the best tier, then the shortest way, then the first. A basis of a `denied` holder ranks
    /// last.
    pub(super) fn summary(&self, denied: &HashSet<Address>) -> Summary {
        let rank = |basis: &&Basis| (!basis.is_denied(self.wallet, denied), basis.tier, Reverse(basis.via));
        // Reversed, because `max_by_key` returns the last of equal elements.
        let best = self.bases.iter().rev().max_by_key(rank);
        let (cards, more_cards) = best.map(|best| self.cards_beside(best)).unwrap_or_default();
        let tier = best.map_or(Tier::Denied, |best| best.tier);
        Summary {
            tier,
            via: best.map(|best| best.via),
            wallet: self.wallet,
            vault: best.and_then(|best| best.vault),
            cards,
            more_cards,
            block: best.map_or(self.block, |best| best.block),
            expires_at: best.and_then(|best| best.expires_at),
            delegations_unread: self.delegations_unread && tier != Tier::Free,
        }
    }

    /// Returns the cards of the same holder by the same way, the best tier first, and whether there are more.
    fn cards_beside(&self, best: &Basis) -> (Vec<U256>, bool) {
        let beside = |basis: &&Basis| (basis.vault, basis.via) == (best.vault, best.via);
        let mut bases: Vec<&Basis> = self.bases.iter().filter(beside).collect();
        bases.sort_by_key(|basis| Reverse(basis.tier));
        let mut seen = HashSet::new();
        let all = bases.into_iter().flat_map(|basis| &basis.cards);
        let mut cards: Vec<U256> = all.copied().filter(|card| seen.insert(*card)).collect();
        let more = cards.len() > MAX_SHOWN_CARDS;
        cards.truncate(MAX_SHOWN_CARDS);
        (cards, more)
    }

    /// Merges the answer to another query about the wallet; the bases of `self` come first.
    pub(super) fn merge(&self, other: &Self) -> Self {
        let mut bases = self.bases.clone();
        let is_new = |basis: &&Basis| {
            !self
                .bases
                .iter()
                .any(|known| (known.vault, known.via, known.tier) == (basis.vault, basis.via, basis.tier))
        };
        bases.extend(other.bases.iter().filter(is_new).cloned());
        Self {
            wallet: self.wallet,
            bases,
            examined: self.examined.iter().chain(&other.examined).copied().collect(),
            block: self.block.min(other.block),
            delegations_unread: self.delegations_unread || other.delegations_unread,
            is_partial: self.is_partial || other.is_partial,
        }
    }
}

/// The best of an entitlement, as sign-in and `GET /gate/eligibility` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The best tier that the wallet and its vaults give.
    pub tier: Tier,
    /// How; `None` when denied.
    pub via: Option<Via>,
    /// The wallet that was asked about.
    pub wallet: Address,
    /// The wallet that holds the cards, when that is another one.
    pub vault: Option<Address>,
    /// Token ids of the cards that count, the one that gives the tier first; at most [`MAX_SHOWN_CARDS`].
    pub cards: Vec<U256>,
    /// There are more cards than shown.
    pub more_cards: bool,
    /// Number of the block that this was read at.
    pub block: u64,
    /// The second from which on it is no longer true, when the delegation behind it has an end.
    pub expires_at: Option<u64>,
    /// The lists of delegations to this wallet could not be read in full. A holder gets in by naming the vault.
    pub delegations_unread: bool,
}

impl Summary {
    /// The address that holds the cards.
    pub fn holder(&self) -> Address {
        self.vault.unwrap_or(self.wallet)
    }
}

#[cfg(test)]
mod tests;
