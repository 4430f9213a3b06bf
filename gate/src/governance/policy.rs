//! From the contracts' answers to what the gate goes by.

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

// What no governance can pass, whatever a contract says: the same bounds as in `ParameterBounds.sol`.
const SHORTEST_TTL: u64 = 3600;
const LONGEST_TTL: u64 = 7 * 24 * 3600;
const MOST_DEVICES: u16 = 10;
const MOST_COLLECTIONS: usize = 16;
const MOST_IDS: usize = 64;
const MOST_KINDS: usize = 8;

/// What governance says, within the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed {
    /// End of the pause that was on when this was read.
    pub paused_until: Option<UnixTime>,
    /// The node behind this gate is on the emergency blacklist.
    pub node_blacklisted: bool,
    /// How long a sign-in lasts.
    pub credential_ttl: Duration,
    /// Devices at a time of a holder of the free tier.
    pub free_devices: u32,
    /// The same of the paid tier.
    pub paid_devices: u32,
    /// THIS card; `None`: not chosen on chain yet.
    pub this_card: Option<U256>,
    /// Further collections.
    pub collections: Vec<Collection>,
    /// Use cases and rights of delegations that count; `None`: the file says.
    pub delegations: Option<Delegations>,
    /// Number of this state of the parameters.
    pub revision: u64,
}

/// What kinds of delegation count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegations {
    /// Of NFTDelegation.
    pub use_cases: Vec<u64>,
    /// Of delegate.xyz.
    pub rights: Vec<B256>,
}

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Ethereum does not answer, or not as the contracts do.
    #[error(transparent)]
    Unread(#[from] ReadError),
    /// The contracts are not those of this gate's cards.
    #[error("{what} is {found} on chain, but {expected} here")]
    Foreign {
        /// What is compared.
        what: &'static str,
        /// On chain.
        found: Address,
        /// In the file.
        expected: Address,
    },
    /// A value that no governance can have set.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
    /// Together with the file it is no usable configuration.
    #[error("the governed cards cannot be applied: {0}")]
    Refused(String),
}

/// Whom to ask, and what must be true of the answer.
#[derive(Debug, Clone, Copy)]
pub struct Contracts {
    /// The `ParameterRegistry`.
    pub parameters: Address,
    /// The `AccessPolicy`, asked for kinds of delegation; it must be the registry's own.
    pub access_policy: Option<Address>,
    /// The collection of cards that this gate reads; it must be the policy's own.
    pub memes: Address,
}

impl Contracts {
    /// The calls of one read, for the gate before `node`.
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

    /// What the results of these calls say.
    pub(super) fn read(&self, results: &[CallResult]) -> Result<Governed, Unusable> {
        let missing = || ReadError::Unavailable("an answer is missing".to_owned());
        // Both forms of the question have one form of the answer.
        let policy = results.first().ok_or_else(missing)?.decode::<policyForGateCall>()?;
        let delegations = match self.access_policy {
            None => None,
            Some(expected) => {
                let [_, address, use_cases, rights] = results else { return Err(missing().into()) };
                same("the access policy", address.decode::<accessPolicyCall>()?, expected)?;
                let use_cases = use_cases.decode::<acceptedUseCasesCall>()?;
                Some(delegations(&use_cases, rights.decode::<acceptedRightsCall>()?)?)
            }
        };
        self.check(policy, delegations)
    }

    fn check(
        &self,
        policy: IParameterRegistry::GatePolicy,
        delegations: Option<Delegations>,
    ) -> Result<Governed, Unusable> {
        same("the collection of cards", policy.memes, self.memes)?;
        let within = |good: bool, what| if good { Ok(()) } else { Err(Unusable::OutOfBounds(what)) };
        within((SHORTEST_TTL..=LONGEST_TTL).contains(&policy.credentialTtl), "CREDENTIAL_TTL")?;
        within((1..=MOST_DEVICES).contains(&policy.freeDevices), "DEVICE_LIMIT_FREE")?;
        within((1..=MOST_DEVICES).contains(&policy.paidDevices), "DEVICE_LIMIT_PAID")?;
        within(policy.collections.len() <= MOST_COLLECTIONS, "the number of collections")?;
        let collection = |entry| collection(entry, self.memes).ok_or(Unusable::OutOfBounds("a collection"));
        let until = UnixTime::try_from(policy.pausedUntil).unwrap_or(UnixTime::MAX);
        Ok(Governed {
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

impl Governed {
    /// Puts what is governed in place of what the file says.
    pub fn apply(&self, config: &mut AccessConfig) {
        if let Some(this_card) = self.this_card {
            config.this_card = this_card;
        }
        let governed = |contract| self.collections.iter().any(|collection| collection.contract == contract);
        config.collections.retain(|collection| !governed(collection.contract));
        config.collections.extend(self.collections.iter().cloned());
        if let Some(Delegations { use_cases, rights }) = &self.delegations {
            config.use_cases.clone_from(use_cases);
            config.rights.clone_from(rights);
        }
    }

    /// Devices at a time of a holder of a tier.
    pub fn devices(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Free => self.free_devices,
            Tier::Paid => self.paid_devices,
            Tier::Denied => 0,
        }
    }

    /// Whether the pause is on. It ends by itself, also while Ethereum cannot be asked.
    pub fn is_paused(&self, now: UnixTime) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }
}

fn same(what: &'static str, found: Address, expected: Address) -> Result<(), Unusable> {
    if found == expected { Ok(()) } else { Err(Unusable::Foreign { what, found, expected }) }
}

fn collection(entry: IAccessPolicy::Collection, memes: Address) -> Option<Collection> {
    const ERC721: u8 = 0;
    const ERC1155: u8 = 1;
    let tier = match entry.tier {
        1 => Tier::Paid,
        2 => Tier::Free,
        _ => return None,
    };
    let standard = match entry.standard {
        ERC721 if entry.ids.is_empty() => Standard::Erc721,
        ERC1155 if (1..=MOST_IDS).contains(&entry.ids.len()) => Standard::Erc1155 { ids: entry.ids },
        _ => return None,
    };
    let usable = !entry.token.is_zero() && entry.token != memes;
    usable.then_some(Collection { contract: entry.token, standard, tier })
}

fn delegations(use_cases: &[U256], rights: Vec<B256>) -> Result<Delegations, Unusable> {
    let bad = || Unusable::OutOfBounds("the accepted kinds of delegation");
    if use_cases.len() > MOST_KINDS || rights.len() > MOST_KINDS {
        return Err(bad());
    }
    // Sub-delegation and consolidation are no delegations of access.
    let use_case = |case: &U256| u64::try_from(*case).ok().filter(|case| ![0, 998, 999].contains(case));
    let use_cases = use_cases.iter().map(|case| use_case(case).ok_or_else(bad)).collect::<Result<_, _>>()?;
    Ok(Delegations { use_cases, rights })
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
