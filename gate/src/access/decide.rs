//! The decision: every basis that the cards of a wallet and its vaults give. Pure, and never less for knowing more.

use alloy::primitives::{Address, U256};

use super::basis::{Basis, CARDS_SHOWN, Tier, Via};
use super::claims::{Claim, ENDLESS};
use super::holdings::Card;

/// One source of cards, read at one block.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) block: u64,
    pub(super) cards: Vec<Card>,
    /// `None`: the wallet's own cards.
    pub(super) vault: Option<(Address, Vec<Claim>)>,
}

/// Bases of one source: three ways with two tiers each.
const MAX_BASES_PER_SOURCE: usize = 6;

/// All bases of `sources`, in the order of the sources; bounded by [`MAX_BASES_PER_SOURCE`] for each of them.
pub(super) fn decide(sources: &[Source]) -> Vec<Basis> {
    let mut bases: Vec<Basis> = sources.iter().flat_map(bases_of).collect();
    debug_assert!(bases.len() <= sources.len() * MAX_BASES_PER_SOURCE, "the set of bases is bounded");
    // Very many of these are kept.
    bases.shrink_to_fit();
    bases
}

fn bases_of(source: &Source) -> Vec<Basis> {
    let ways: &[Via] = match source.vault {
        None => &[Via::Own],
        Some(_) => &[Via::Consolidation, Via::Delegation, Via::DelegateXyz],
    };
    let tiers = [Tier::Free, Tier::Paid];
    let pairs = ways.iter().flat_map(|via| tiers.map(|tier| (*via, tier)));
    pairs.filter_map(|(via, tier)| basis(source, via, tier)).collect()
}

/// What the cards of one tier give in one way, if anything.
fn basis(source: &Source, via: Via, tier: Tier) -> Option<Basis> {
    let claims = source.vault.iter().flat_map(|(_, claims)| claims).filter(|claim| claim.via == via);
    let claims: Vec<&Claim> = claims.collect();
    let counts = |card: &&Card| {
        let covered = source.vault.is_none() || claims.iter().any(|claim| claim.covers(card));
        card.tier == tier && covered
    };
    let mut cards: Vec<&Card> = source.cards.iter().filter(counts).collect();
    // The collection belongs to the first id; cards without an id come last.
    cards.sort_by_key(|card| (card.id.is_none(), card.id));
    let first = cards.first()?;
    let until = source.vault.as_ref().and_then(|_| until(&cards, &claims));
    Some(Basis {
        tier,
        via,
        vault: source.vault.as_ref().map(|(vault, _)| *vault),
        collection: first.contract,
        cards: ids(&cards),
        block: source.block,
        until,
    })
}

/// When a basis ends by itself: with the last claim to one of its cards.
fn until(cards: &[&Card], claims: &[&Claim]) -> Option<u64> {
    let of_card = |card: &&&Card| {
        let covering = claims.iter().filter(|claim| claim.covers(card));
        covering.map(|claim| claim.until).max().unwrap_or(0)
    };
    cards.iter().map(|card| of_card(&card)).max().filter(|until| *until < ENDLESS)
}

/// The ids of sorted cards, each once.
fn ids(cards: &[&Card]) -> Vec<U256> {
    let mut ids: Vec<U256> = cards.iter().filter_map(|card| card.id).collect();
    ids.dedup();
    ids.truncate(CARDS_SHOWN + 1);
    ids.shrink_to_fit();
    ids
}

#[cfg(test)]
mod tests;
