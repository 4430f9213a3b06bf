//! Decodes and validates the policy of the contracts.

use std::time::Duration;

use alloy::primitives::{Address, B256, FixedBytes, U256};
use sovereign_contracts::reader::{Call, CallResult, ReadError};
use sovereign_contracts::system::AccessPolicy::{acceptedRightsCall, acceptedUseCasesCall};
use sovereign_contracts::system::ParameterRegistry::{
    accessPolicyCall, policyForGateCall, policyForGateOfCall,
};
use sovereign_contracts::system::parameter_registry::{IAccessPolicy, IParameterRegistry};

use crate::access::{AccessConfig, Collection, Standard, Tier};
use crate::store::clock::UnixTime;

// Hard bounds of governed values, the same as in `ParameterBounds.sol`.
const MIN_CREDENTIAL_TTL_SECS: u64 = 3600;
const MAX_CREDENTIAL_TTL_SECS: u64 = 7 * 24 * 3600;
const MAX_DEVICES: u16 = 10;
const MAX_COLLECTIONS: usize = 16;
const MAX_IDS_PER_COLLECTION: usize = 64;
const MAX_DELEGATION_KINDS: usize = 8;

/// Policy of governance, within the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GovernedPolicy {
    /// End of the pause, if a pause was on at the read.
    pub paused_until: Option<UnixTime>,
    /// The node behind this gate is on the emergency blacklist.
    pub node_blacklisted: bool,
    /// Lifetime of a sign-in.
    pub credential_ttl: Duration,
    /// Concurrent devices of a holder of the free tier.
    pub free_devices: u32,
    /// Concurrent devices of a holder of the paid tier.
    pub paid_devices: u32,
    /// THIS card; `None` if it is not chosen on chain yet.
    pub this_card: Option<U256>,
    /// Further collections.
    pub collections: Vec<Collection>,
    /// Accepted use cases and rights of delegations; `None`: the file applies.
    pub delegations: Option<AcceptedDelegations>,
    /// Revision of the parameters.
    pub revision: u64,
}

/// Accepted kinds of delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedDelegations {
    /// Use cases of NFTDelegation.
    pub use_cases: Vec<u64>,
    /// Rights of delegate.xyz.
    pub rights: Vec<B256>,
}

/// Error of a governance read.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// Ethereum is unavailable, or the answer does not decode.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The contracts belong to another collection.
    #[error("{what} is {found} on chain, but {expected} here")]
    Mismatch {
        /// Compared contract.
        what: &'static str,
        /// Address on chain.
        found: Address,
        /// Configured address.
        expected: Address,
    },
    /// A value is outside the hard bounds.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
    /// The policy and the file together are no valid configuration.
    #[error("the governed cards cannot be applied: {0}")]
    Rejected(String),
}

/// Governance contracts, and what the answer must match.
#[derive(Debug, Clone, Copy)]
pub struct GovernanceContracts {
    /// The `ParameterRegistry`.
    pub parameters: Address,
    /// The `AccessPolicy`, read for kinds of delegation; it must be the registry's.
    pub access_policy: Option<Address>,
    /// The configured collection of cards; it must be the policy's.
    pub memes: Address,
}

impl GovernanceContracts {
    /// Returns the calls of one read, for the gate in front of `node`.
    pub(super) fn calls(&self, node: Option<FixedBytes<20>>) -> Vec<Call> {
        let policy = match node {
            Some(node) => Call::new(self.parameters, &policyForGateOfCall { node }),
            None => Call::new(self.parameters, &policyForGateCall {}),
        };
        let mut calls = vec![policy];
        if let Some(access_policy) = self.access_policy {
            calls.push(Call::new(self.parameters, &accessPolicyCall {}));
            calls.push(Call::new(access_policy, &acceptedUseCasesCall {}));
            calls.push(Call::new(access_policy, &acceptedRightsCall {}));
        }
        calls
    }

    /// Decodes the results of these calls.
    pub(super) fn read(&self, results: &[CallResult]) -> Result<GovernedPolicy, GovernanceError> {
        let missing = || ReadError::Unavailable("an answer is missing".to_owned());
        // Both calls return the same type.
        let policy = results.first().ok_or_else(missing)?.decode::<policyForGateCall>()?;
        let delegations = match self.access_policy {
            None => None,
            Some(expected) => {
                let [_, address, use_cases, rights] = results else { return Err(missing().into()) };
                require_same("the access policy", address.decode::<accessPolicyCall>()?, expected)?;
                let use_cases = use_cases.decode::<acceptedUseCasesCall>()?;
                Some(parse_delegations(&use_cases, rights.decode::<acceptedRightsCall>()?)?)
            }
        };
        self.check(policy, delegations)
    }

    fn check(
        &self,
        policy: IParameterRegistry::GatePolicy,
        delegations: Option<AcceptedDelegations>,
    ) -> Result<GovernedPolicy, GovernanceError> {
        require_same("the collection of cards", policy.memes, self.memes)?;
        let within = |good: bool, what| if good { Ok(()) } else { Err(GovernanceError::OutOfBounds(what)) };
        within(
            (MIN_CREDENTIAL_TTL_SECS..=MAX_CREDENTIAL_TTL_SECS).contains(&policy.credentialTtl),
            "CREDENTIAL_TTL",
        )?;
        within((1..=MAX_DEVICES).contains(&policy.freeDevices), "DEVICE_LIMIT_FREE")?;
        within((1..=MAX_DEVICES).contains(&policy.paidDevices), "DEVICE_LIMIT_PAID")?;
        within(policy.collections.len() <= MAX_COLLECTIONS, "the number of collections")?;
        let collection =
            |entry| parse_collection(entry, self.memes).ok_or(GovernanceError::OutOfBounds("a collection"));
        let until = UnixTime::try_from(policy.pausedUntil).unwrap_or(UnixTime::MAX);
        Ok(GovernedPolicy {
            paused_until: policy.paused.then_some(until),
            node_blacklisted: policy.nodeBlacklisted,
            credential_ttl: Duration::from_secs(policy.credentialTtl),
            free_devices: policy.freeDevices.into(),
            paid_devices: policy.paidDevices.into(),
            this_card: (!policy.thisCard.is_zero()).then_some(policy.thisCard),
            collections: policy.collections.into_iter().map(collection).collect::<Result<_, _>>()?,
            delegations,
            revision: policy.revision,
        })
    }
}

impl GovernedPolicy {
    /// Overrides the configured cards with the governed ones.
    pub fn apply(&self, config: &mut AccessConfig) {
        if let Some(this_card) = self.this_card {
            config.this_card = this_card;
        }
        let governed = |contract| self.collections.iter().any(|collection| collection.contract == contract);
        config.collections.retain(|collection| !governed(collection.contract));
        config.collections.extend(self.collections.iter().cloned());
        if let Some(AcceptedDelegations { use_cases, rights }) = &self.delegations {
            config.use_cases.clone_from(use_cases);
            config.rights.clone_from(rights);
        }
    }

    /// Concurrent devices of a holder of `tier`.
    pub fn devices(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Free => self.free_devices,
            Tier::Paid => self.paid_devices,
            Tier::Denied => 0,
        }
    }

    /// Whether the pause is on. It ends by itself, even while Ethereum is unavailable.
    pub fn is_paused(&self, now: UnixTime) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }
}

fn require_same(what: &'static str, found: Address, expected: Address) -> Result<(), GovernanceError> {
    if found == expected { Ok(()) } else { Err(GovernanceError::Mismatch { what, found, expected }) }
}

fn parse_collection(entry: IAccessPolicy::Collection, memes: Address) -> Option<Collection> {
    const ERC721: u8 = 0;
    const ERC1155: u8 = 1;
    let tier = match entry.tier {
        1 => Tier::Paid,
        2 => Tier::Free,
        _ => return None,
    };
    let standard = match entry.standard {
        ERC721 if entry.ids.is_empty() => Standard::Erc721,
        ERC1155 if (1..=MAX_IDS_PER_COLLECTION).contains(&entry.ids.len()) => {
            Standard::Erc1155 { ids: entry.ids }
        }
        _ => return None,
    };
    let usable = !entry.token.is_zero() && entry.token != memes;
    usable.then_some(Collection { contract: entry.token, standard, tier })
}

fn parse_delegations(use_cases: &[U256], rights: Vec<B256>) -> Result<AcceptedDelegations, GovernanceError> {
    let bad = || GovernanceError::OutOfBounds("the accepted kinds of delegation");
    if use_cases.len() > MAX_DELEGATION_KINDS || rights.len() > MAX_DELEGATION_KINDS {
        return Err(bad());
    }
    // Sub-delegation (998) and consolidation (999) do not delegate access.
    let use_case = |case: &U256| u64::try_from(*case).ok().filter(|case| ![0, 998, 999].contains(case));
    let use_cases = use_cases.iter().map(|case| use_case(case).ok_or_else(bad)).collect::<Result<_, _>>()?;
    Ok(AcceptedDelegations { use_cases, rights })
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
