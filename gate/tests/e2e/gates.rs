//! Configuration file of a gate and its administrative HTTP API.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use serde_json::Value;

/// The public URL in a gate's configuration.
pub(crate) fn public_url(gate: &GateInfo) -> Result<String> {
    let config: toml::Table = std::fs::read_to_string(&gate.config)?.parse()?;
    Ok(config["gate"]["public_url"].as_str().context("no public URL")?.to_owned())
}

/// Edits the configuration file of a running gate; the gate is not reloaded.
pub(crate) fn rewrite(gate: &GateInfo, edit: impl FnOnce(&mut toml::Table)) -> Result<()> {
    let mut config: toml::Table = std::fs::read_to_string(&gate.config)?.parse()?;
    edit(&mut config);
    Ok(std::fs::write(&gate.config, config.to_string())?)
}

/// Sets one key of a gate's configuration.
pub(crate) fn set(config: &mut toml::Table, section: &str, key: &str, value: impl Into<toml::Value>) {
    let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
    section.as_table_mut().expect("a section is a table").insert(key.to_owned(), value.into());
}

/// The record of a session in the gate's list of sessions.
pub(crate) async fn record(gate: &GateInfo, session: u64) -> Result<Option<Value>> {
    let answer = Caller::fresh()?.get(&format!("{}/sessions", gate.admin)).await?;
    let sessions = answer.body["sessions"].as_array().context("/sessions has no list")?;
    Ok(sessions.iter().find(|listed| listed["session_id"] == session).cloned())
}

/// Parts that `/ready` lists as not ready, with the reasons.
pub(crate) async fn not_ready(gate: &GateInfo) -> Result<Vec<(String, String)>> {
    let answer = Caller::fresh()?.get(&format!("{}/ready", gate.admin)).await?;
    let parts = answer.body["not_ready"].as_array().context("/ready has no list")?;
    ensure!((answer.status == 200) == parts.is_empty(), "/ready answers {} with {parts:?}", answer.status);
    let text = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().to_owned();
    Ok(parts.iter().map(|part| (text(part, "what"), text(part, "why"))).collect())
}

/// Sum of the samples of a metric whose line contains all of these labels.
pub(crate) async fn metric(gate: &GateInfo, name: &str, labels: &[&str]) -> Result<f64> {
    let answer = Caller::fresh()?.get(&format!("{}/metrics", gate.admin)).await?;
    ensure!(answer.status == 200, "/metrics answers {}", answer.status);
    let text = String::from_utf8(answer.bytes)?;
    let named = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let lines = text.lines().filter(named).filter(|line| labels.iter().all(|label| line.contains(label)));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
