//! Reads the configuration again while the gate runs. A bad file changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sovereign_program::settings::{ConfigError, Settings as _};

use crate::access::Access;
use crate::admission::{Admission, Policy};
use crate::config::Config;
use crate::enforce::Enforcer;

/// What a new configuration is given to.
pub struct Reload {
    home: PathBuf,
    /// What is in force.
    config: Mutex<Config>,
    admission: Arc<Admission>,
    access: Arc<Access>,
    enforcer: Arc<Enforcer>,
}

impl Reload {
    /// `config` is in force, read from `home`.
    pub fn new(
        home: &Path,
        config: Config,
        admission: Arc<Admission>,
        access: Arc<Access>,
        enforcer: Arc<Enforcer>,
    ) -> Self {
        Self { home: home.to_owned(), config: Mutex::new(config), admission, access, enforcer }
    }

    /// Reads the file again and takes over its policy: tiers, devices, probes, denials. Live tunnels stay where the
    /// new policy lets them. Returns the sections that differ and take a restart.
    pub fn again(&self) -> Result<Vec<&'static str>, ConfigError> {
        let new = Config::load(&self.home)?;
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if config.policy != new.policy {
            self.admission.set_policy(Policy::from(&new.policy));
            self.access.deny(new.policy.deny_wallets.iter().copied().collect());
            config.policy = new.policy.clone();
            self.enforcer.everything_changed();
        }
        let left = config.differences(&new);
        tracing::info!(needs_restart = ?left, "the configuration was read again");
        Ok(left)
    }
}
