//! Options of the store.

use std::time::Duration;

use crate::config::Config;

/// Retention times and maintenance interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Used nonces. At least the time in which a challenge can be redeemed; an older challenge counts as used.
    pub nonce_retention: Duration,
    /// Bindings after their end, so that a handshake is refused as expired and not as unknown.
    pub binding_retention: Duration,
    /// Sessions after their end.
    pub session_retention: Duration,
    /// Audit entries.
    pub audit_retention: Duration,
    /// Time between two maintenance runs: last uses, which only order bindings, are written, and the log is
    /// checkpointed.
    pub checkpoint_interval: Duration,
    /// Simulates a disk of this many pages.
    #[cfg(test)]
    pub(crate) max_pages: Option<u32>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            nonce_retention: Duration::from_secs(600),
            binding_retention: day,
            session_retention: day,
            audit_retention: 90 * day,
            checkpoint_interval: Duration::from_secs(10),
            #[cfg(test)]
            max_pages: None,
        }
    }
}

impl From<&Config> for StoreOptions {
    fn from(config: &Config) -> Self {
        let retention = &config.retention;
        Self { session_retention: retention.sessions, audit_retention: retention.audit, ..Self::default() }
    }
}
