//! What a wallet holds.

use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use sovereign_contracts::memes::{IGallery, IMemes};
use sovereign_contracts::reader::{Call, CallResult, ReadError};

use super::world::{Results, World};
use super::{Standard, Tier};

/// A card that gives a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) contract: Address,
    /// `None` where only the number of tokens is known (ERC-721).
    pub(super) id: Option<U256>,
    pub(super) tier: Tier,
}

/// Calls that tell what `wallet` holds.
pub(super) fn calls(world: &World, ids: &[U256], wallet: Address) -> Vec<Call> {
    let mut calls = vec![batch(world.config.memes, wallet, ids)];
    calls.extend(world.config.collections.iter().map(|collection| match &collection.standard {
        Standard::Erc1155 { ids } => batch(collection.contract, wallet, ids),
        Standard::Erc721 => Call::new(collection.contract, &IGallery::balanceOfCall { account: wallet }),
    }));
    calls
}

/// What they told. Anything unclear is an error: "none" is an answer too.
pub(super) fn read(world: &World, ids: &[U256], results: &mut Results<'_>) -> Result<Vec<Card>, ReadError> {
    let this_card = world.config.this_card;
    let tier = |id| if id == this_card { Tier::Free } else { Tier::Paid };
    let mut cards = Vec::new();
    let held = held(world.config.memes, ids, results.next())?;
    cards.extend(held.map(|id| Card { contract: world.config.memes, id: Some(id), tier: tier(id) }));
    for collection in &world.config.collections {
        let (contract, tier) = (collection.contract, collection.tier);
        match &collection.standard {
            Standard::Erc1155 { ids } => {
                let held = self::held(contract, ids, results.next())?;
                cards.extend(held.map(|id| Card { contract, id: Some(id), tier }));
            }
            Standard::Erc721 => {
                let result = results.next().ok_or_else(|| broken::<IGallery::balanceOfCall>(contract))?;
                if !result.decode::<IGallery::balanceOfCall>()?.is_zero() {
                    cards.push(Card { contract, id: None, tier });
                }
            }
        }
    }
    Ok(cards)
}

fn batch(contract: Address, wallet: Address, ids: &[U256]) -> Call {
    let call = IMemes::balanceOfBatchCall { accounts: vec![wallet; ids.len()], ids: ids.to_vec() };
    Call::new(contract, &call)
}

fn held<'a>(
    contract: Address,
    ids: &'a [U256],
    result: Option<&CallResult>,
) -> Result<impl Iterator<Item = U256> + use<'a>, ReadError> {
    let broken = broken::<IMemes::balanceOfBatchCall>;
    let balances = result.ok_or_else(|| broken(contract))?.decode::<IMemes::balanceOfBatchCall>()?;
    if balances.len() != ids.len() {
        return Err(broken(contract));
    }
    Ok(ids.iter().zip(balances).filter(|(_, balance)| !balance.is_zero()).map(|(id, _)| *id))
}

fn broken<C: SolCall>(contract: Address) -> ReadError {
    ReadError::Contract { contract, function: C::SIGNATURE }
}
