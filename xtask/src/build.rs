//! Building what the tasks run.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use sentinel_stack::paths;
use tokio::process::Command;

/// How the gate is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to build: for demo and tests.
    Debug,
    /// As it is delivered: for measurements.
    Release,
}

/// Names a gate that is built already.
const PROGRAM: &str = "SOVEREIGN_GATE_BIN";

/// Builds the gate and gives its program, unless the environment names one.
pub(crate) async fn gate(profile: Profile) -> Result<PathBuf> {
    if let Some(program) = std::env::var_os(PROGRAM).filter(|path| !path.is_empty()) {
        return Ok(program.into());
    }
    let mut cargo = Command::from(crate::cargo::command());
    cargo.args(["build", "--package", "sovereign-gate", "--target-dir"]).arg(paths::target());
    let directory = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            cargo.arg("--release");
            "release"
        }
    };
    tracing::info!("building the gate ({directory})");
    let status =
        cargo.current_dir(paths::repository()).stdin(Stdio::null()).kill_on_drop(true).status().await;
    if !status.context("cannot run cargo")?.success() {
        bail!("the gate does not build");
    }
    Ok(paths::target().join(directory).join("sovereign-gate"))
}
