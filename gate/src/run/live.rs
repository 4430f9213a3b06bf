//! What may change while the gate runs: by its file, read again, or by what the contracts say.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use alloy::primitives::FixedBytes;
use sovereign_contracts::follower::Followed;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::parts;
use crate::access::{Access, AccessConfig};
use crate::admission::{Admission, Policy};
use crate::config::Config;
use crate::edge::PerAddress;
use crate::enforce::Enforcer;
use crate::governance::{self, Governance};
use crate::ops::node::NodeState;
use crate::ops::reload::Reload;
use crate::signin::DeviceLimits;

/// Who goes on with another configuration.
pub(super) struct Live {
    pub(super) admission: Arc<Admission>,
    pub(super) access: Arc<Access>,
    pub(super) enforcer: Arc<Enforcer>,
    pub(super) governance: Governance,
    pub(super) watched: Followed,
    pub(super) rate: Arc<PerAddress>,
    pub(super) devices: Arc<RwLock<DeviceLimits>>,
}

impl Live {
    /// Reads the file in `home` again when it is told to; `config` is in force.
    pub(super) fn reload(self: &Arc<Self>, home: &Path, config: Config) -> Reload {
        let live = Arc::clone(self);
        Reload::new(home, config, Box::new(move |new| live.apply(new)))
    }

    /// What differs is in force from now on, and everybody who is in is looked at.
    fn apply(&self, config: &Config) -> Result<(), String> {
        let governed = |config: &mut AccessConfig| self.governance.apply(config);
        self.access.reread(parts::cards(config), governed).map_err(|error| error.to_string())?;
        self.admission.set_policy(Policy::from(&config.policy));
        *self.devices.write().unwrap_or_else(PoisonError::into_inner) = DeviceLimits::from(&config.policy);
        self.rate.set(&config.limits);
        self.cards_changed();
        Ok(())
    }

    /// The events of the collections that count now are followed from this moment on, and everybody is looked at.
    fn cards_changed(&self) {
        self.watched.set(&self.access.watched());
        self.enforcer.everything_changed();
    }

    /// Follows the contracts, until `stop`; what they say of cards is applied.
    pub(super) fn follow(
        self: &Arc<Self>,
        follower: Option<governance::Follower>,
        node: watch::Receiver<NodeState>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let live = Arc::clone(self);
        let node = move || node.borrow().address.map(|address| FixedBytes::from(*address.as_bytes()));
        let apply = move |governed: &governance::Governed| match live
            .access
            .govern(|config| governed.apply(config))
        {
            Ok(()) => {
                live.cards_changed();
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        async move {
            if let Some(follower) = follower {
                follower.run(node, apply, stop).await;
            }
        }
    }
}
