//! What a registry's rows say about a vault, once they count.

use alloy::primitives::{Address, U256};
use sovereign_contracts::delegate_registry::{
    IDelegateRegistry::Delegation, TYPE_ALL, TYPE_CONTRACT, TYPE_ERC1155,
};
use sovereign_contracts::nft_delegation::ALL_COLLECTIONS;

use super::Via;
use super::holdings::Card;
use super::world::World;

/// A vault lets the wallet use some of its cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) via: Via,
    /// `None`: every collection.
    pub(super) contract: Option<Address>,
    /// `None`: every token.
    pub(super) token: Option<U256>,
    /// The second at which it ends; [`ENDLESS`]: only when it is taken back.
    pub(super) until: u64,
}

/// A claim without an end.
pub(super) const ENDLESS: u64 = u64::MAX;

impl Claim {
    /// A limit to one token is not met by a card whose id is unknown.
    pub(super) fn covers(&self, card: &Card) -> bool {
        self.contract.is_none_or(|contract| contract == card.contract)
            && self.token.is_none_or(|token| card.id == Some(token))
    }
}

/// A row of NFTDelegation, seen from either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) other: Address,
    pub(super) expiry: U256,
    pub(super) all_tokens: bool,
    pub(super) token: U256,
}

impl Row {
    /// At the very second of its expiry a row has expired.
    pub(super) fn is_active(&self, now: u64) -> bool {
        self.expiry > U256::from(now)
    }

    fn until(&self) -> u64 {
        u64::try_from(self.expiry).unwrap_or(ENDLESS)
    }

    fn token(&self) -> Option<U256> {
        (!self.all_tokens).then_some(self.token)
    }
}

/// The collection that a registration is for; `None` for all.
fn contract_of(scope: Address) -> Option<Address> {
    (scope != ALL_COLLECTIONS).then_some(scope)
}

/// A delegation registered for `scope` with a use case that counts.
pub(super) fn delegation(scope: Address, row: &Row, now: u64) -> Option<Claim> {
    let (contract, token, until) = (contract_of(scope), row.token(), row.until());
    let claim = Claim { via: Via::Delegation, contract, token, until };
    row.is_active(now).then_some(claim)
}

/// Consolidation, which needs both: what the vault registered for the wallet, and the wallet for the vault. Each
/// may do so for the collection or for all.
pub(super) fn consolidation(
    world: &World,
    received: &[(Address, Row)],
    given: &[(Address, Row)],
    now: u64,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    for &contract in &world.contracts {
        let concerns = |scope: Address, row: &Row| {
            contract_of(scope).is_none_or(|c| c == contract) && row.is_active(now)
        };
        let given = given.iter().filter(|(scope, row)| concerns(*scope, row));
        let Some(until) = given.map(|(_, row)| row.until()).max() else { continue };
        let received = received.iter().filter(|(scope, row)| concerns(*scope, row));
        claims.extend(received.map(|(_, row)| Claim {
            via: Via::Consolidation,
            contract: Some(contract),
            token: row.token(),
            until: until.min(row.until()),
        }));
    }
    claims
}

/// A row of delegate.xyz, if it is one that counts for a collection of ours.
pub(super) fn delegate_xyz(world: &World, row: &Delegation) -> Option<Claim> {
    let known = world.contracts.contains(&row.contract_);
    let (contract, token) = match row.kind {
        TYPE_ALL => (None, None),
        TYPE_CONTRACT if known => (Some(row.contract_), None),
        TYPE_ERC1155 if known && !row.amount.is_zero() => (Some(row.contract_), Some(row.tokenId)),
        _ => return None,
    };
    world.accepts_right(row.rights).then_some(Claim {
        via: Via::DelegateXyz,
        contract,
        token,
        until: ENDLESS,
    })
}

#[cfg(test)]
mod tests;
