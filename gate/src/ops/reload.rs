//! Reads the configuration again while the gate runs. A bad file changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use service_runtime::settings::{ConfigError, Settings as _};

use crate::config::Config;

/// Gives a configuration to those who can go on with it; why not.
pub type Apply = Box<dyn Fn(&Config) -> Result<(), String> + Send + Sync>;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is bad.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Somebody cannot go on with it.
    #[error("{0}")]
    Refused(String),
}

/// What came of it, both as names of keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// In force from now on.
    pub taken: Vec<String>,
    /// They differ from what is in force, and only a restart changes that.
    pub needs_restart: Vec<String>,
}

/// What a new configuration is given to.
pub struct Reload {
    home: PathBuf,
    /// What is in force.
    config: Mutex<Config>,
    apply: Apply,
}

impl Reload {
    /// `config` is in force, read from `home`; `apply` gives what may change to those who use it.
    pub fn new(home: &Path, config: Config, apply: Apply) -> Self {
        Self { home: home.to_owned(), config: Mutex::new(config), apply }
    }

    /// Reads the file again and takes over what a running gate can take over. Live tunnels stay where the new
    /// policy lets them.
    pub fn again(&self) -> Result<Reloaded, ReloadError> {
        // Before the file is read: of two at once the later one has the later file.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Config::load(&self.home)?;
        let mut next = config.clone();
        next.take_live(&new);
        let taken = config.differences(&next);
        if !taken.is_empty() {
            (self.apply)(&next).map_err(ReloadError::Refused)?;
            *config = next;
        }
        let needs_restart = config.differences(&new);
        tracing::info!(?taken, ?needs_restart, "the configuration was read again");
        Ok(Reloaded { taken, needs_restart })
    }
}
