//! Directory for the files of a run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Directory of one run. A successful run removes it; after a failure the logs stay until the number of the run is
/// used again.
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
