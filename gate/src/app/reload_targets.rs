//! Components that a reload or a change of governance reaches.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use alloy::primitives::FixedBytes;
use sovereign_contracts::follower::WatchedContracts;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::access::{Access, AccessConfig};
use crate::admission::{Admission, AdmissionPolicy};
use crate::config::Config;
use crate::edge::ClientRateLimiter;
use crate::enforce::Enforcer;
use crate::governance::{self, Governance};
use crate::node::NodeState;
use crate::ops::reload::ConfigReloader;
use crate::signin::DeviceLimits;

/// Components that apply a new configuration.
pub(super) struct ReloadTargets {
    pub(super) admission: Arc<Admission>,
    pub(super) access: Arc<Access>,
    pub(super) enforcer: Arc<Enforcer>,
    pub(super) governance: Governance,
    pub(super) watched: WatchedContracts,
    pub(super) rate: Arc<ClientRateLimiter>,
    pub(super) devices: Arc<RwLock<DeviceLimits>>,
}

impl ReloadTargets {
    /// Returns the reloader of the file in `home`; `config` is in force.
    pub(super) fn reload(self: &Arc<Self>, home: &Path, config: Config) -> ConfigReloader {
        let live = Arc::clone(self);
        ConfigReloader::new(home, config, Box::new(move |new| live.apply(new)))
    }

    /// Applies the configuration and re-evaluates every session.
    fn apply(&self, config: &Config) -> Result<(), String> {
        let governed = |config: &mut AccessConfig| self.governance.apply(config);
        self.access.reload(AccessConfig::from(config), governed).map_err(|error| error.to_string())?;
        self.admission.set_policy(AdmissionPolicy::from(&config.policy));
        *self.devices.write().unwrap_or_else(PoisonError::into_inner) = DeviceLimits::from(&config.policy);
        self.rate.reconfigure(&config.limits);
        self.on_cards_changed();
        Ok(())
    }

    /// Watches the events of the current collections and re-evaluates every session.
    fn on_cards_changed(&self) {
        self.watched.set(&self.access.watched_contracts());
        self.enforcer.everything_changed();
    }

    /// Follows governance until `stop` and applies its cards.
    pub(super) fn follow(
        self: &Arc<Self>,
        follower: Option<governance::GovernanceFollower>,
        node: watch::Receiver<NodeState>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let live = Arc::clone(self);
        let node = move || node.borrow().address.map(|address| FixedBytes::from(*address.as_bytes()));
        let apply = move |governed: &governance::GovernedPolicy| match live
            .access
            .apply_governance(|config| governed.apply(config))
        {
            Ok(()) => {
                live.on_cards_changed();
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
