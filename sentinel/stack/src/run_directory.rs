//! Where a run keeps its files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The directory of one run. It goes with a run that ended well; after a failure its logs stay, until the number
/// of the run is used again.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    pub(crate) fn create(number: u8) -> Result<Self> {
        let path = crate::paths::target().join("stack").join(number.to_string());
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        }
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn remove(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }
}
