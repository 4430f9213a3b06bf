//! Faults of a node.

use std::fmt;

/// Why a node is not in good standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandingFault {
    /// Not in the registry.
    NotRegistered,
    /// On a blacklist of the contracts.
    Blacklisted,
    /// Leaving, or with less than the minimum stake, as after a slash.
    Inactive,
    /// The score is too low.
    Score {
        /// Current score.
        score: u16,
        /// Required minimum.
        least: u16,
    },
    /// Good in the newest block, but not in a settled one yet.
    Unsettled(Box<StandingFault>),
    /// Not linked to this plan on the hub.
    NotLinked(u64),
}

impl fmt::Display for StandingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered => f.write_str("not registered on Ethereum"),
            Self::Blacklisted => f.write_str("blacklisted on Ethereum"),
            Self::Inactive => f.write_str("leaving the registry, or its stake is below the least"),
            Self::Score { score, least } => write!(f, "score {score} below {least}"),
            Self::Unsettled(fault) => write!(f, "{fault} as of the settled block; good in newer ones"),
            Self::NotLinked(plan) => write!(f, "not linked to plan {plan} on the hub"),
        }
    }
}
