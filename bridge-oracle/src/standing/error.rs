//! Errors of reading standing.

use std::time::Duration;

use sovereign_contracts::reader::ReadError;

/// Why standing cannot be read. No decision is made then.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// Ethereum cannot be queried, or its providers disagree.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The settled block is too old.
    #[error("the newest settled block {number} is {} old, maximum is {}", format_duration(*.age), format_duration(*.max_age))]
    Stale {
        /// The block.
        number: u64,
        /// Age of the block.
        age: Duration,
        /// Maximum age.
        max_age: Duration,
    },
    /// The contracts returned contradictory data.
    #[error("the contracts contradict themselves: {0}")]
    Inconsistent(&'static str),
}

fn format_duration(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}
