//! What single rooms of the gate cost: `gate/benches/rooms`, built as it is delivered.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::paths;
use serde_json::Value;
use tokio::process::Command;

use super::report;

pub(super) async fn run() -> Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["bench", "--quiet", "--package", "sovereign-gate", "--bench", "rooms", "--target-dir"]);
    cargo.arg(paths::target()).current_dir(paths::repository());
    tracing::info!("building and measuring the rooms of the gate");
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
    report::write("rooms", &measured.into())
}
