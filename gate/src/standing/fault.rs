//! What can be wrong with a node.

use std::fmt;

/// Why a node is not in good standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not in the registry.
    NotRegistered,
    /// On a blacklist of the contracts.
    Blacklisted,
    /// Leaving, or with less than the least stake, as after a slash.
    Inactive,
    /// The score is too low.
    Score {
        /// What it is.
        score: u16,
        /// What it has to be.
        least: u16,
    },
    /// Good by now, but not in a settled block yet.
    Unsettled(Box<Fault>),
    /// Not in this plan on the hub.
    NotLinked(u64),
}

impl fmt::Display for Fault {
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
