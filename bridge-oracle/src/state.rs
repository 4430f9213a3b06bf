//! What is remembered between rounds, in one file of the home: whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::reconcile::Memory;

const FILE: &str = "state.json";

/// The file's contents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Number of the last round.
    pub round: u64,
    /// What decisions rest on.
    pub memory: Memory,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else. Without it grace periods start anew, and the limit of removals counts from zero.
    #[error("{path} is damaged ({source}); move it away to start without it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl State {
    /// Reads the file; an empty state where there is none yet.
    pub fn load(home: &Path) -> Result<Self, StateError> {
        let path = home.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| StateError::Damaged { path, source })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(StateError::Io { path, source }),
        }
    }

    /// Replaces the file, so that a crash leaves the old or the new one.
    pub fn save(&self, home: &Path) -> Result<(), StateError> {
        let path = home.join(FILE);
        self.replace(home, &path).map_err(|source| StateError::Io { path, source })
    }

    fn replace(&self, home: &Path, path: &Path) -> std::io::Result<()> {
        let draft = home.join("state.json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        File::open(home)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use sentinel_proto::address::NodeAddress;

    use super::*;
    use crate::reconcile::Past;

    #[test]
    fn what_is_saved_is_loaded_and_damage_is_told() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(State::load(home.path()).unwrap(), State::default());
        let mut state = State { round: 7, ..State::default() };
        state.memory.nodes.insert(NodeAddress::new([1; 20]), Past::Grace { since: 5 });
        state.memory.removals.insert(NodeAddress::new([2; 20]), 6);
        state.save(home.path()).unwrap();
        assert_eq!(State::load(home.path()).unwrap(), state);
        std::fs::write(home.path().join(FILE), "{").unwrap();
        assert!(State::load(home.path()).unwrap_err().to_string().contains("damaged"));
    }
}
