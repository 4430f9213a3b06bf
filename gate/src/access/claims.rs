//! Claims: the statements of the delegation registries that are valid for a vault.

use alloy::primitives::{Address, U256};
use sovereign_contracts::delegate_registry::{
    IDelegateRegistry::Delegation, TYPE_ALL, TYPE_CONTRACT, TYPE_ERC1155,
};
use sovereign_contracts::nft_delegation::ALL_COLLECTIONS;

use super::Via;
use super::access_rules::AccessRules;
use super::holdings::Card;

/// Permission of a vault: the wallet may use some of its cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) via: Via,
    /// `None`: every collection.
    pub(super) contract: Option<Address>,
    /// `None`: every token.
    pub(super) token: Option<U256>,
    /// Unix time of expiry; [`NEVER_EXPIRES`] if only a revocation ends it.
    pub(super) until: u64,
}

/// Expiry of a claim that only a revocation ends.
pub(super) const NEVER_EXPIRES: u64 = u64::MAX;

impl Claim {
    /// Whether the claim covers `card`. A claim for one token does not cover a card without a known id.
    pub(super) fn covers(&self, card: &Card) -> bool {
        self.contract.is_none_or(|contract| contract == card.contract)
            && self.token.is_none_or(|token| card.id == Some(token))
    }
}

/// A delegation record of NFTDelegation. `counterparty` is the other address, seen from either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DelegationRow {
    pub(super) counterparty: Address,
    pub(super) expiry: U256,
    pub(super) all_tokens: bool,
    pub(super) token: U256,
}

impl DelegationRow {
    /// A row expires at the second of its expiry.
    pub(super) fn is_active(&self, now: u64) -> bool {
        self.expiry > U256::from(now)
    }

    fn until(&self) -> u64 {
        u64::try_from(self.expiry).unwrap_or(NEVER_EXPIRES)
    }

    fn token(&self) -> Option<U256> {
        (!self.all_tokens).then_some(self.token)
    }
}

/// Collection of a registration; `None`: all collections.
fn contract_of(scope: Address) -> Option<Address> {
    (scope != ALL_COLLECTIONS).then_some(scope)
}

/// Returns the claim of a delegation that was registered for `scope` with an accepted use case.
pub(super) fn delegation_claim(scope: Address, row: &DelegationRow, now: u64) -> Option<Claim> {
    let (contract, token, until) = (contract_of(scope), row.token(), row.until());
    let claim = Claim { via: Via::Delegation, contract, token, until };
    row.is_active(now).then_some(claim)
}

/// Returns the claims of a consolidation. It requires a registration of the vault for the wallet and one of the wallet
/// for the vault, each for the collection or for all collections.
pub(super) fn consolidation_claim(
    rules: &AccessRules,
    received: &[(Address, DelegationRow)],
    given: &[(Address, DelegationRow)],
    now: u64,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    for &contract in &rules.contracts {
        let concerns = |scope: Address, row: &DelegationRow| {
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

/// Returns the claim of a delegate.xyz delegation, if its kind and rights are accepted for a configured collection.
pub(super) fn delegate_xyz_claim(rules: &AccessRules, row: &Delegation) -> Option<Claim> {
    let known = rules.contracts.contains(&row.contract_);
    let (contract, token) = match row.kind {
        TYPE_ALL => (None, None),
        TYPE_CONTRACT if known => (Some(row.contract_), None),
        TYPE_ERC1155 if known && !row.amount.is_zero() => (Some(row.contract_), Some(row.tokenId)),
        _ => return None,
    };
    rules.accepts_right(row.rights).then_some(Claim {
        via: Via::DelegateXyz,
        contract,
        token,
        until: NEVER_EXPIRES,
    })
}

#[cfg(test)]
mod tests;
