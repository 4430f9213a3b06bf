//! Cards of a wallet.

use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use sovereign_contracts::memes::{IERC721, IMemes};
use sovereign_contracts::reader::{Call, CallResult, ReadError};

use super::access_rules::{AccessRules, CallResults};
use super::{Standard, Tier};

/// A card that gives a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) contract: Address,
    /// `None` where only the number of tokens is known (ERC-721).
    pub(super) id: Option<U256>,
    pub(super) tier: Tier,
}

/// Returns the calls that read the balances of `wallet`.
pub(super) fn balance_calls(rules: &AccessRules, ids: &[U256], wallet: Address) -> Vec<Call> {
    let mut calls = vec![batch_call(rules.config.memes, wallet, ids)];
    calls.extend(rules.config.collections.iter().map(|collection| match &collection.standard {
        Standard::Erc1155 { ids } => batch_call(collection.contract, wallet, ids),
        Standard::Erc721 => Call::new(collection.contract, &IERC721::balanceOfCall { account: wallet }),
    }));
    calls
}

/// Decodes the results. Anything unclear is an error, because "no card" is an answer too.
pub(super) fn decode_cards(
    rules: &AccessRules,
    ids: &[U256],
    results: &mut CallResults<'_>,
) -> Result<Vec<Card>, ReadError> {
    let this_card = rules.config.this_card;
    let tier = |id| if id == this_card { Tier::Free } else { Tier::Paid };
    let mut cards = Vec::new();
    let held = held_ids(rules.config.memes, ids, results.next())?;
    cards.extend(held.map(|id| Card { contract: rules.config.memes, id: Some(id), tier: tier(id) }));
    for collection in &rules.config.collections {
        let (contract, tier) = (collection.contract, collection.tier);
        match &collection.standard {
            Standard::Erc1155 { ids } => {
                let held = held_ids(contract, ids, results.next())?;
                cards.extend(held.map(|id| Card { contract, id: Some(id), tier }));
            }
            Standard::Erc721 => {
                let result = results.next().ok_or_else(|| malformed::<IERC721::balanceOfCall>(contract))?;
                if !result.decode::<IERC721::balanceOfCall>()?.is_zero() {
                    cards.push(Card { contract, id: None, tier });
                }
            }
        }
    }
    Ok(cards)
}

fn batch_call(contract: Address, wallet: Address, ids: &[U256]) -> Call {
    let call = IMemes::balanceOfBatchCall { accounts: vec![wallet; ids.len()], ids: ids.to_vec() };
    Call::new(contract, &call)
}

fn held_ids<'a>(
    contract: Address,
    ids: &'a [U256],
    result: Option<&CallResult>,
) -> Result<impl Iterator<Item = U256> + use<'a>, ReadError> {
    let malformed = malformed::<IMemes::balanceOfBatchCall>;
    let balances = result.ok_or_else(|| malformed(contract))?.decode::<IMemes::balanceOfBatchCall>()?;
    if balances.len() != ids.len() {
        return Err(malformed(contract));
    }
    Ok(ids.iter().zip(balances).filter(|(_, balance)| !balance.is_zero()).map(|(id, _)| *id))
}

fn malformed<C: SolCall>(contract: Address) -> ReadError {
    ReadError::Contract { contract, function: C::SIGNATURE }
}
