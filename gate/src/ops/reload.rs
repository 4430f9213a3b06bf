//! Reload of the configuration while the gate runs. An invalid file changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use service_runtime::settings::{ConfigError, Settings as _};

use crate::config::Config;

/// Applies a configuration to the running components; returns why it cannot.
pub type ApplyConfig = Box<dyn Fn(&Config) -> Result<(), String> + Send + Sync>;

/// Error of a reload; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A component rejected the configuration.
    #[error("{0}")]
    Refused(String),
}

/// Result of a reload, as names of keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReloadOutcome {
    /// Keys that are in force now.
    pub applied: Vec<String>,
    /// Keys that differ and require a restart.
    pub needs_restart: Vec<String>,
}

/// Reloads the configuration and applies it.
pub struct ConfigReloader {
    home: PathBuf,
    /// Configuration in force.
    config: Mutex<Config>,
    apply: ApplyConfig,
}

impl ConfigReloader {
    /// `config` is in force, read from `home`; `apply` passes changed settings to the running components.
    pub fn new(home: &Path, config: Config, apply: ApplyConfig) -> Self {
        Self { home: home.to_owned(), config: Mutex::new(config), apply }
    }

    /// Reads the file and applies the keys that a running gate can apply. Live tunnels stay if the new policy accepts
    /// them.
    pub fn reload(&self) -> Result<ReloadOutcome, ReloadError> {
        // Locked before the read, so that of two concurrent reloads the later one applies the later file.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Config::load(&self.home)?;
        let mut next = config.clone();
        next.take_reloadable(&new);
        let taken = config.changed_keys(&next);
        if !taken.is_empty() {
            (self.apply)(&next).map_err(ReloadError::Refused)?;
            *config = next;
        }
        let needs_restart = config.changed_keys(&new);
        tracing::info!(?taken, ?needs_restart, "configuration reloaded");
        Ok(ReloadOutcome { applied: taken, needs_restart })
    }
}
