//! State between rounds, in one file of the home that is replaced atomically.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use service_runtime::atomic_file::{self, PRIVATE_FILE_MODE};

use crate::reconcile::ReconcileState;

const STATE_FILE: &str = "state.json";

/// Contents of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedState {
    /// Number of the last round.
    pub round: u64,
    /// State of the reconciliation.
    #[serde(rename = "memory")]
    pub state: ReconcileState,
}

/// Errors of the state file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The file is not valid. Without it grace periods start again, and the removal limit counts from zero.
    #[error("{path} is damaged ({source}); move it away to start without it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
}

impl SavedState {
    /// Reads the file; returns the default state if there is none.
    pub fn load(home: &Path) -> Result<Self, StateError> {
        let path = home.join(STATE_FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| StateError::Damaged { path, source })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(StateError::Io { path, source }),
        }
    }

    /// Replaces the file atomically: a crash leaves the old or the new contents.
    pub fn save(&self, home: &Path) -> Result<(), StateError> {
        let path = home.join(STATE_FILE);
        let bytes = serde_json::to_vec(self).map_err(io::Error::from);
        let written = bytes.and_then(|bytes| atomic_file::write(&path, &bytes, PRIVATE_FILE_MODE));
        written.map_err(|source| StateError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use sentinel_proto::address::NodeAddress;

    use super::*;
    use crate::reconcile::NodeHistory;

    #[test]
    fn loads_saved_state_and_reports_damage() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(SavedState::load(home.path()).unwrap(), SavedState::default());
        let mut state = SavedState { round: 7, ..SavedState::default() };
        state.state.nodes.insert(NodeAddress::new([1; 20]), NodeHistory::Grace { since: 5 });
        state.state.removals.insert(NodeAddress::new([2; 20]), 6);
        state.save(home.path()).unwrap();
        assert_eq!(SavedState::load(home.path()).unwrap(), state);
        std::fs::write(home.path().join(STATE_FILE), "{").unwrap();
        assert!(SavedState::load(home.path()).unwrap_err().to_string().contains("damaged"));
    }
}
