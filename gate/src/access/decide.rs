//! The decision: what the cards of a wallet and its vaults give. Pure, and never less for knowing more.

use std::cmp::Reverse;
use std::collections::HashSet;

use alloy::primitives::{Address, U256};

use super::claims::{Claim, ENDLESS};
use super::entitlement::CARDS_SHOWN;
use super::holdings::Card;
use super::{Entitlement, Tier, Via};

/// One source of cards, read at one block.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) block: u64,
    pub(super) cards: Vec<Card>,
    /// `None`: the wallet's own cards.
    pub(super) vault: Option<(Address, Vec<Claim>)>,
}

/// Cards of one source that count in one way.
struct Way<'a> {
    via: Via,
    vault: Option<Address>,
    cards: Vec<&'a Card>,
    claims: &'a [Claim],
    block: u64,
}

impl Way<'_> {
    fn tier(&self) -> Tier {
        self.cards.iter().map(|card| card.tier).max().unwrap_or(Tier::Denied)
    }

    /// When this tier ends by itself: with the last claim to one of the cards that give it.
    fn until(&self) -> Option<u64> {
        self.vault?;
        let tier = self.tier();
        let best = self.cards.iter().filter(|card| card.tier == tier);
        let claims = |card: &Card| {
            let ours = self.claims.iter().filter(|claim| claim.via == self.via && claim.covers(card));
            ours.map(|claim| claim.until).max().unwrap_or(0)
        };
        best.map(|card| claims(card)).max().filter(|until| *until < ENDLESS)
    }
}

/// The best of all sources: the best tier, then the shortest way, then the first found. What rests on a denied
/// address comes last, so that it is only told when there is nothing else.
pub(super) fn decide(wallet: Address, sources: &[Source], denied: &HashSet<Address>) -> Entitlement {
    let rank = |option: &Way<'_>| {
        let rests_on_denied = option.vault.is_some_and(|vault| denied.contains(&vault));
        (!rests_on_denied, option.tier(), Reverse(option.via))
    };
    let options = sources.iter().flat_map(options).filter(|option| option.tier() > Tier::Denied);
    // The later of equals would win, hence from the end.
    let best = options.collect::<Vec<_>>().into_iter().rev().max_by_key(rank);
    let (cards, more_cards) = best.as_ref().map(|best| shown(&best.cards)).unwrap_or_default();
    let newest = sources.iter().map(|source| source.block).max().unwrap_or_default();
    Entitlement {
        tier: best.as_ref().map_or(Tier::Denied, Way::tier),
        via: best.as_ref().map(|best| best.via),
        wallet,
        vault: best.as_ref().and_then(|best| best.vault),
        cards,
        more_cards,
        block: best.as_ref().map_or(newest, |best| best.block),
        until: best.as_ref().and_then(Way::until),
        delegations_unread: false,
    }
}

fn options(source: &Source) -> Vec<Way<'_>> {
    let Source { block, cards, vault } = source;
    let Some((vault, claims)) = vault else {
        let cards = cards.iter().collect();
        return vec![Way { via: Via::Own, vault: None, cards, claims: &[], block: *block }];
    };
    let by = |via| {
        let covered = |card: &&Card| claims.iter().any(|claim| claim.via == via && claim.covers(card));
        let cards = cards.iter().filter(covered).collect();
        Way { via, vault: Some(*vault), cards, claims, block: *block }
    };
    [Via::Consolidation, Via::Delegation, Via::DelegateXyz].map(by).into()
}

/// The ids to show: what gives the tier first, each once.
fn shown(cards: &[&Card]) -> (Vec<U256>, bool) {
    let mut cards: Vec<_> =
        cards.iter().filter_map(|card| card.id.map(|id| (Reverse(card.tier), id))).collect();
    cards.sort_unstable();
    let mut seen = HashSet::new();
    let mut ids: Vec<_> = cards.into_iter().map(|(_, id)| id).filter(|id| seen.insert(*id)).collect();
    let more = ids.len() > CARDS_SHOWN;
    ids.truncate(CARDS_SHOWN);
    // Very many of these are kept.
    ids.shrink_to_fit();
    (ids, more)
}

#[cfg(test)]
mod tests;
