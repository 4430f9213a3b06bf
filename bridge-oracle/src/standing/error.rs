//! Why standing is not known.

use std::time::Duration;

use sovereign_contracts::reader::ReadError;

/// Why standing is not known. Nothing is decided then.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// Ethereum cannot be asked, or its providers disagree.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The settled block is too old to act on.
    #[error("the newest settled block {number} is {} old, allowed is {}", show(*.age), show(*.most))]
    Stale {
        /// The block.
        number: u64,
        /// Its age.
        age: Duration,
        /// What is allowed.
        most: Duration,
    },
    /// The contracts answered what they cannot mean.
    #[error("the contracts contradict themselves: {0}")]
    Inconsistent(&'static str),
}

fn show(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}
