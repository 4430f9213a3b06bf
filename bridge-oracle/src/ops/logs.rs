//! Logs: one JSON object a line, or text for eyes.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error.
pub fn start(log: &Log) -> Result<(), ParseError> {
    let filter: EnvFilter = log.level.parse()?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.init(),
    }
    Ok(())
}
