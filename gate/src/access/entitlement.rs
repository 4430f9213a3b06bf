//! What a wallet is entitled to: a bounded set of bases.

use std::cmp::Reverse;
use std::collections::HashSet;

use alloy::primitives::{Address, U256};

use super::basis::{Basis, CARDS_SHOWN, Tier, Via};

/// Everything that entitles one wallet, as far as the question reached. A session rests on one of the bases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The wallet that was asked about.
    pub wallet: Address,
    /// The bases, in the order in which a session should try them: own cards, then the named vault, then listed vaults
    /// with the oldest delegation of each list first. Within a source: the way in order of [`Via`], the better tier
    /// first.
    pub bases: Vec<Basis>,
    /// The vaults that were looked at, with a basis or without.
    pub examined: Vec<Address>,
    /// Number of the oldest block that was read: an answer is current only if none of its reads is older than a change.
    pub block: u64,
    /// The lists of delegations to this wallet could not be read in full: they are too long. A holder names the vault.
    pub delegations_unread: bool,
    /// The vaults could not be read this time, so bases may be missing.
    pub is_partial: bool,
}

impl Entitlement {
    /// Whether there is no basis at all.
    pub fn is_denied(&self) -> bool {
        self.bases.is_empty()
    }

    /// The addresses that hold the cards, each once, in the order of the bases.
    pub fn holders(&self) -> Vec<Address> {
        let mut seen = HashSet::new();
        let holders = self.bases.iter().map(|basis| basis.holder(self.wallet));
        holders.filter(|holder| seen.insert(*holder)).collect()
    }

    /// The second from which on one of the bases is no longer true.
    pub(super) fn until(&self) -> Option<u64> {
        self.bases.iter().filter_map(|basis| basis.until).min()
    }

    /// What a page shows: the best tier, then the shortest way, then the first basis. A basis on a `denied` holder
    /// comes last.
    pub(super) fn summary(&self, denied: &HashSet<Address>) -> Summary {
        let rank = |basis: &&Basis| (!basis.is_denied(self.wallet, denied), basis.tier, Reverse(basis.via));
        // The later of equals would win, hence from the end.
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
            until: best.and_then(|best| best.until),
            delegations_unread: self.delegations_unread && tier != Tier::Free,
        }
    }

    /// Cards of the same holder by the same way, those of the best tier first; and whether there are more.
    fn cards_beside(&self, best: &Basis) -> (Vec<U256>, bool) {
        let beside = |basis: &&Basis| (basis.vault, basis.via) == (best.vault, best.via);
        let mut bases: Vec<&Basis> = self.bases.iter().filter(beside).collect();
        bases.sort_by_key(|basis| Reverse(basis.tier));
        let mut seen = HashSet::new();
        let all = bases.into_iter().flat_map(|basis| &basis.cards);
        let mut cards: Vec<U256> = all.copied().filter(|card| seen.insert(*card)).collect();
        let more = cards.len() > CARDS_SHOWN;
        cards.truncate(CARDS_SHOWN);
        (cards, more)
    }

    /// The same with what another question about the wallet told; the bases of `self` come first.
    pub(super) fn with(&self, other: &Self) -> Self {
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
    /// Token ids of the cards that count, the one that gives the tier first; at most [`CARDS_SHOWN`].
    pub cards: Vec<U256>,
    /// There are more cards than shown.
    pub more_cards: bool,
    /// Number of the block that this was read at.
    pub block: u64,
    /// The second from which on it is no longer true, when the delegation behind it has an end.
    pub until: Option<u64>,
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
