//! Governed configuration: every value that decides, in one file whose hash the timelock approves on Ethereum.

pub mod amount;
mod approval;
mod bundle;
mod canonical;
mod finality;
mod governed;
mod template;
mod validate;

use std::path::{Path, PathBuf};

use alloy::primitives::B256;

pub use approval::{ApprovalError, ApprovalStatus, ApprovalWatch, GovernedFile};
pub use bundle::{APPROVAL_SCOPE, Bundle};
pub use finality::Finality;
pub use governed::{Approval, Ethereum, Governed, Hub, Lease, Limits, Standing};
pub use template::TEMPLATE;
pub use validate::Invalid;

/// Name of the file in the oracle's home.
pub const GOVERNED_FILE: &str = "governed.toml";

/// Errors of loading the governed configuration.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}: {source}; `bridge-oracle init` writes one")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file does not parse, or lacks a key: no governed key has a default.
    #[error("{path}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Cause, with the key.
        source: Box<toml::de::Error>,
    },
    /// The values contradict each other or a bound.
    #[error("{path}: {}", join(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All problems.
        problems: Vec<Invalid>,
    },
}

fn join(problems: &[Invalid]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Governed {
    /// Reads `governed.toml` in `home`.
    pub fn load(home: &Path) -> Result<Self, PolicyError> {
        Self::read(&home.join(GOVERNED_FILE))
    }

    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PolicyError::Unreadable { path: path.to_owned(), source })?;
        let governed: Self = toml::from_str(&text)
            .map_err(|source| PolicyError::Malformed { path: path.to_owned(), source: Box::new(source) })?;
        let problems = governed.problems();
        if problems.is_empty() {
            Ok(governed)
        } else {
            Err(PolicyError::Invalid { path: path.to_owned(), problems })
        }
    }

    /// Returns the text that is hashed; see `docs/oracle.md`.
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// Returns the hash that the timelock approves: keccak256 of [`Governed::canonical`].
    pub fn hash(&self) -> B256 {
        alloy::primitives::keccak256(self.canonical())
    }
}

#[cfg(test)]
mod tests;
