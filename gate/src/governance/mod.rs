//! Policy of the contracts in place of the operator's file, where `[governance]` names them.
//!
//! One read returns everything ([`policy`]); the follower repeats it ([`follower`]). Values outside the hard bounds are
//! rejected. The latest policy applies while Ethereum is unavailable. Until the first read no handshake is admitted,
//! because the pause might be on.

mod follower;
mod policy;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::access::{AccessConfig, Tier};
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;

pub use follower::GovernanceFollower;
pub use policy::{GovernanceContracts, GovernanceError, GovernedPolicy};

/// State of governance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GovernanceState {
    /// No contracts are configured: the file alone applies.
    NotConfigured,
    /// No read has succeeded yet, for this reason.
    Unread(String),
    /// Latest valid policy.
    Current(Arc<GovernedPolicy>),
}

/// Current policy. Cheap to clone and to read.
#[derive(Debug, Clone)]
pub struct Governance(watch::Receiver<GovernanceState>);

impl Governance {
    /// For a gate without governance contracts.
    pub fn none() -> Self {
        Self(watch::channel(GovernanceState::NotConfigured).1)
    }

    /// Returns the refusal of every handshake, if any.
    pub fn refusal(&self, now: UnixTime) -> Option<Refusal> {
        match &*self.0.borrow() {
            GovernanceState::Unread(_) => Some(Refusal::EthereumUnavailable),
            GovernanceState::Current(governed) if governed.is_paused(now) => Some(Refusal::Paused),
            GovernanceState::Current(governed) if governed.node_blacklisted => {
                Some(Refusal::NotInGoodStanding)
            }
            GovernanceState::NotConfigured | GovernanceState::Current(_) => None,
        }
    }

    /// Lifetime of a sign-in; `file` is the configured one.
    pub fn credential_ttl(&self, file: Duration) -> Duration {
        self.current_policy().map_or(file, |governed| governed.credential_ttl)
    }

    /// Devices of a tier; `file` is the configured number.
    pub fn devices(&self, tier: Tier, file: u32) -> u32 {
        self.current_policy().map_or(file, |governed| governed.devices(tier))
    }

    /// Devices of one of a tier's plans: the configured number, limited by the governed number of the tier.
    pub fn plan_devices(&self, tier: Tier, file: u32) -> u32 {
        self.current_policy().map_or(file, |governed| governed.devices(tier).min(file))
    }

    /// Overrides the configured cards with the governed ones.
    pub fn apply(&self, config: &mut AccessConfig) {
        if let Some(governed) = self.current_policy() {
            governed.apply(config);
        }
    }

    /// Returns why no policy is known yet, if so.
    pub fn problem(&self) -> Option<String> {
        match &*self.0.borrow() {
            GovernanceState::Unread(why) => Some(why.clone()),
            GovernanceState::NotConfigured | GovernanceState::Current(_) => None,
        }
    }

    /// Governance with a fixed policy.
    #[cfg(test)]
    pub(crate) fn with_policy(governed: GovernedPolicy) -> Self {
        Self(watch::channel(GovernanceState::Current(Arc::new(governed))).1)
    }

    fn current_policy(&self) -> Option<Arc<GovernedPolicy>> {
        match &*self.0.borrow() {
            GovernanceState::Current(governed) => Some(Arc::clone(governed)),
            GovernanceState::NotConfigured | GovernanceState::Unread(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
