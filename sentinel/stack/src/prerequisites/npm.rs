//! npm packages, exactly as locked.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::run;

/// Installs the packages of `directory` unless the ones of its lock file are there.
pub(super) fn ensure(directory: &Path) -> Result<()> {
    let lock = directory.join("package-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    // A copy of the lock file beside the packages says what they were installed from.
    let installed = directory.join("node_modules/.installed-from.json");
    if std::fs::read(&installed).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    tracing::info!("installing the npm packages of {}", directory.display());
    let log = crate::paths::stock().join("npm.log");
    run("npm ci --no-audit --no-fund", directory, Some(&log))?;
    std::fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))
}
