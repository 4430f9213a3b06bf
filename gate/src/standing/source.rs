//! Where standing comes from.

use std::collections::BTreeSet;

use sentinel_proto::hub::{HubClient, HubError};
use sovereign_contracts::reader::ReadError;

use super::{Finding, Question, Registry};
use crate::refusal::Refusal;

/// Where standing comes from.
#[derive(Debug)]
pub enum Source {
    /// The registry on Ethereum.
    Registry(Box<Registry>),
    /// The links of the plans on the hub, which an oracle makes follow the registry.
    Hub(HubClient),
}

/// Why a source has no word.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// Ethereum cannot be asked, or there is no registry.
    #[error("Ethereum: {0}")]
    Ethereum(#[from] ReadError),
    /// The hub cannot be asked.
    #[error("hub: {0}")]
    Hub(#[from] HubError),
}

impl Source {
    /// What clients are told while it has no word.
    pub(super) const fn unknown(&self) -> Refusal {
        match self {
            Self::Registry(_) => Refusal::EthereumUnavailable,
            Self::Hub(_) => Refusal::HubUnavailable,
        }
    }

    /// Asks; `before` is what it said last of the same node.
    pub async fn ask(&self, question: &Question, before: Option<&Finding>) -> Result<Finding, Unread> {
        match self {
            Self::Registry(registry) => {
                let good = before == Some(&Finding::Registered(Ok(())));
                Ok(registry.ask(&question.node, good).await?)
            }
            Self::Hub(hub) => {
                let node = question.node.to_string();
                let mut linked = BTreeSet::new();
                // One after the other: beside each other, all but one would be refused after a fault.
                for plan in &question.plans {
                    if hub.nodes_for_plan(*plan).await?.iter().any(|found| found.address == node) {
                        linked.insert(*plan);
                    }
                }
                Ok(Finding::Linked(linked))
            }
        }
    }
}
