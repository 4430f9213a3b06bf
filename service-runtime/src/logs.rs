//! Logs on standard error: one JSON object per line, or text. The level is read from the configuration only.

use std::io::IsTerminal as _;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
pub use tracing_subscriber::filter::ParseError;

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging at `level` or by a filter such as `info,sovereign_gate=debug`.
pub fn start(format: LogFormat, level: &str) -> Result<(), ParseError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(std::io::stderr)
        // Colours are for terminals, not for files and journals.
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.init(),
    }
    Ok(())
}

/// Returns whether `level` is a level or a filter.
pub fn is_level(level: &str) -> bool {
    filter(level).is_ok()
}

fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    level.parse()
}
