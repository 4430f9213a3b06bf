//! Is a node in good standing?

use std::fmt;

use alloy::primitives::U256;
use sentinel_proto::address::NodeAddress;
use serde::Serialize;

use super::memory::Past;
use crate::policy::Governed;
use crate::standing::Standings;

/// Why a node is not in good standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// Not in the registry.
    NotRegistered,
    /// On the blacklist of the governed configuration.
    Banned,
    /// On a blacklist of the contracts.
    Blacklisted,
    /// Leaving, or with less than the least stake, as after a slash.
    Inactive {
        /// What is staked, in wei.
        stake: U256,
        /// What has to be, in wei.
        least: U256,
    },
    /// The score is too low.
    Score {
        /// What it is.
        score: u16,
        /// What it has to be.
        least: u16,
    },
}

impl Fault {
    /// Whether it waits for the grace period; all else removes at once.
    pub const fn has_grace(&self) -> bool {
        matches!(self, Self::Score { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered => f.write_str("not registered on Ethereum"),
            Self::Banned => f.write_str("on the governed blacklist"),
            Self::Blacklisted => f.write_str("blacklisted on Ethereum"),
            Self::Inactive { stake, least } if stake < least => {
                write!(f, "stake {stake} wei below {least} wei")
            }
            Self::Inactive { .. } => f.write_str("leaving the registry"),
            Self::Score { score, least } => write!(f, "score {score} below {least}"),
        }
    }
}

/// What is wrong with `node`. One that was removed has to be better by the margin, until it is `present` again; one that
/// is still `linked` was not removed after all.
pub(super) fn fault(
    node: &NodeAddress,
    standings: &Standings,
    governed: &Governed,
    past: Option<&Past>,
    present: bool,
    linked: bool,
) -> Option<Fault> {
    let Some(standing) = standings.nodes.get(node) else { return Some(Fault::NotRegistered) };
    if governed.standing.blacklist.contains(node) {
        return Some(Fault::Banned);
    }
    if standing.blacklisted {
        return Some(Fault::Blacklisted);
    }
    if !standing.active {
        return Some(Fault::Inactive { stake: standing.stake, least: standings.parameters.min_stake });
    }
    let least = governed.standing.min_score.max(standings.parameters.min_score);
    let margin = match past {
        Some(Past::Removed { .. }) if !linked => governed.standing.score_margin,
        // Back already: to fall by the margin now would be a fault that the next round does not see.
        Some(Past::Recovering { .. }) if !present => governed.standing.score_margin,
        Some(_) | None => 0,
    };
    // A least score near the top must not become unreachable by the margin.
    let least = least.saturating_add(margin).min(1000.max(least));
    (standing.score < least).then_some(Fault::Score { score: standing.score, least })
}
