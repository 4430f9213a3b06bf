//! Measurements that are benches of a crate, built as it is delivered: what they print, told and kept.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::paths;
use serde_json::Value;
use tokio::process::Command;

use super::report;

/// Runs the bench `name` of `package` with these features.
pub(super) async fn run(package: &str, name: &str, features: &[&str]) -> Result<()> {
    let mut cargo = Command::from(crate::cargo::command());
    cargo.args(["bench", "--quiet", "--package", package, "--bench", name, "--target-dir"]);
    cargo.arg(paths::target()).args(["--features", &features.join(",")]).current_dir(paths::repository());
    cargo.env("SENTINELHUB_BIN", paths::stock_program("sentinelhub"));
    tracing::info!("building and measuring {name} of {package}");
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).output().await;
    let output = output.context("cannot run cargo")?;
    ensure!(output.status.success(), "the measurement failed: {}", output.status);
    let lines = String::from_utf8(output.stdout)?;
    let measured: Vec<Value> = lines
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    ensure!(!measured.is_empty(), "nothing was measured: {lines}");
    for measurement in &measured {
        println!("\n{}", measurement["name"].as_str().unwrap_or_default());
        report::rows(&measurement["figures"]);
    }
    report::write(name, &measured.into())
}
