//! Room `governance`: what the contracts say in place of the operator's file, where `[governance]` names them.
//!
//! One read brings everything ([`policy`]); it is repeated again and again ([`follow`]). What lies outside the hard
//! bounds is not taken, and what was read last counts while Ethereum cannot be asked. Until the first read nobody
//! is let in: the pause might be on.

mod follow;
mod policy;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::access::{AccessConfig, Tier};
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;

pub use follow::Follower;
pub use policy::{Contracts, Governed, Unusable};

/// What is known of governance.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// The file alone counts.
    Ungoverned,
    /// Nothing has been read yet, for this reason.
    Nothing(String),
    /// The last good answer.
    Last(Arc<Governed>),
}

/// What counts now, for those who decide. Cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Governance(watch::Receiver<Known>);

impl Governance {
    /// For a gate whose file names no contracts.
    pub fn none() -> Self {
        Self(watch::channel(Known::Ungoverned).1)
    }

    /// Why no handshake is admitted now, if so.
    pub fn refusal(&self, now: UnixTime) -> Option<Refusal> {
        match &*self.0.borrow() {
            Known::Nothing(_) => Some(Refusal::EthereumUnavailable),
            Known::Last(governed) if governed.is_paused(now) => Some(Refusal::Paused),
            Known::Last(governed) if governed.node_blacklisted => Some(Refusal::NotInGoodStanding),
            Known::Ungoverned | Known::Last(_) => None,
        }
    }

    /// How long a sign-in lasts, in place of `file`.
    pub fn credential_ttl(&self, file: Duration) -> Duration {
        self.last().map_or(file, |governed| governed.credential_ttl)
    }

    /// Devices of a tier, in place of `file`.
    pub fn devices(&self, tier: Tier, file: u32) -> u32 {
        self.last().map_or(file, |governed| governed.devices(tier))
    }

    /// Devices of one of a tier's plans: what the file says, and at most what governance allows the tier.
    pub fn plan_devices(&self, tier: Tier, file: u32) -> u32 {
        self.last().map_or(file, |governed| governed.devices(tier).min(file))
    }

    /// Puts what is governed in place of what the file says of cards.
    pub fn apply(&self, config: &mut AccessConfig) {
        if let Some(governed) = self.last() {
            governed.apply(config);
        }
    }

    /// Why nothing is known yet, if so.
    pub fn problem(&self) -> Option<String> {
        match &*self.0.borrow() {
            Known::Nothing(why) => Some(why.clone()),
            Known::Ungoverned | Known::Last(_) => None,
        }
    }

    /// One that says this.
    #[cfg(test)]
    pub(crate) fn known(governed: Governed) -> Self {
        Self(watch::channel(Known::Last(Arc::new(governed))).1)
    }

    fn last(&self) -> Option<Arc<Governed>> {
        match &*self.0.borrow() {
            Known::Last(governed) => Some(Arc::clone(governed)),
            Known::Ungoverned | Known::Nothing(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
