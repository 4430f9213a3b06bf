//! The decision: all bases that the cards of a wallet and of its vaults give. Pure and monotonic: more input never
//! removes a basis.

use alloy::primitives::{Address, U256};

use super::basis::{Basis, MAX_SHOWN_CARDS, Tier, Via};
use super::claims::{Claim, NEVER_EXPIRES};
use super::holdings::Card;

/// Cards of one holder, read at one block.
#[derive(Debug, Clone)]
pub(super) struct CardSource {
    pub(super) block: u64,
    pub(super) cards: Vec<Card>,
    /// `None`: the wallet's own cards.
    pub(super) vault: Option<(Address, Vec<Claim>)>,
}

/// Maximum number of bases of one source: three ways with two tiers each.
const MAX_BASES_PER_SOURCE: usize = 6;

/// Returns all bases of `sources` in the order of the sources, at most [`MAX_BASES_PER_SOURCE`] for each.
pub(super) fn decide_bases(sources: &[CardSource]) -> Vec<Basis> {
    let mut bases: Vec<Basis> = sources.iter().flat_map(source_bases).collect();
    debug_assert!(bases.len() <= sources.len() * MAX_BASES_PER_SOURCE, "the set of bases is bounded");
    // The cache holds many of these.
    bases.shrink_to_fit();
    bases
}

fn source_bases(source: &CardSource) -> Vec<Basis> {
    let ways: &[Via] = match source.vault {
        None => &[Via::Own],
        Some(_) => &[Via::Consolidation, Via::Delegation, Via::DelegateXyz],
    };
    let tiers = [Tier::Free, Tier::Paid];
    let pairs = ways.iter().flat_map(|via| tiers.map(|tier| (*via, tier)));
    pairs.filter_map(|(via, tier)| basis(source, via, tier)).collect()
}

/// Returns the basis of the cards of one tier by one way, if any.
fn basis(source: &CardSource, via: Via, tier: Tier) -> Option<Basis> {
    let claims = source.vault.iter().flat_map(|(_, claims)| claims).filter(|claim| claim.via == via);
    let claims: Vec<&Claim> = claims.collect();
    let counts = |card: &&Card| {
        let covered = source.vault.is_none() || claims.iter().any(|claim| claim.covers(card));
        card.tier == tier && covered
    };
    let mut cards: Vec<&Card> = source.cards.iter().filter(counts).collect();
    // `collection` is that of the first id; cards without an id sort last.
    cards.sort_by_key(|card| (card.id.is_none(), card.id));
    let first = cards.first()?;
    let until = source.vault.as_ref().and_then(|_| basis_expiry(&cards, &claims));
    Some(Basis {
        tier,
        via,
        vault: source.vault.as_ref().map(|(vault, _)| *vault),
        collection: first.contract,
        cards: distinct_ids(&cards),
        block: source.block,
        expires_at: until,
    })
}

/// Expiry of a basis: the latest expiry among the claims to one of its cards.
fn basis_expiry(cards: &[&Card], claims: &[&Claim]) -> Option<u64> {
    let of_card = |card: &&&Card| {
        let covering = claims.iter().filter(|claim| claim.covers(card));
        covering.map(|claim| claim.until).max().unwrap_or(0)
    };
    cards.iter().map(|card| of_card(&card)).max().filter(|until| *until < NEVER_EXPIRES)
}

/// Returns the distinct ids of sorted cards.
fn distinct_ids(cards: &[&Card]) -> Vec<U256> {
    let mut ids: Vec<U256> = cards.iter().filter_map(|card| card.id).collect();
    ids.dedup();
    ids.truncate(MAX_SHOWN_CARDS + 1);
    ids.shrink_to_fit();
    ids
}

#[cfg(test)]
mod tests;
