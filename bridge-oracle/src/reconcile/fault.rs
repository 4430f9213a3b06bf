//! Faults: the reasons against good standing.

use std::fmt;

use alloy::primitives::U256;
use sentinel_proto::address::NodeAddress;
use serde::Serialize;

use super::state::NodeHistory;
use crate::policy::Governed;
use crate::standing::Standings;

/// Why a node is not in good standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// The registry does not hold the node.
    NotRegistered,
    /// The blacklist of the governed configuration holds the node.
    Banned,
    /// A blacklist of the contracts holds the node.
    Blacklisted,
    /// The node is leaving, or its stake is below the minimum, as after a slash.
    Inactive {
        /// Stake in wei.
        stake: U256,
        /// Minimum stake in wei.
        least: U256,
    },
    /// The score is below the minimum.
    Score {
        /// Score of the node.
        score: u16,
        /// Minimum score.
        least: u16,
    },
}

impl Fault {
    /// Returns whether the grace period applies; all other faults remove the node at once.
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

/// Returns the fault of `node`. A removed node needs the score margin until it is `present` again; a node that is still
/// `linked` was not removed.
pub(super) fn find_fault(
    node: &NodeAddress,
    standings: &Standings,
    governed: &Governed,
    past: Option<&NodeHistory>,
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
        Some(NodeHistory::Removed { .. }) if !linked => governed.standing.score_margin,
        // The node is linked again: a margin here would be a fault that the next round does not see.
        Some(NodeHistory::Recovering { .. }) if !present => governed.standing.score_margin,
        Some(_) | None => 0,
    };
    // The margin must not raise a minimum near the top out of reach.
    let least = least.saturating_add(margin).min(1000.max(least));
    (standing.score < least).then_some(Fault::Score { score: standing.score, least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inactive_node_is_short_of_stake_or_leaving() {
        let inactive = |stake: u64| Fault::Inactive { stake: U256::from(stake), least: U256::from(5) };
        assert_eq!(inactive(4).to_string(), "stake 4 wei below 5 wei");
        assert_eq!(inactive(5).to_string(), "leaving the registry");
    }
}
