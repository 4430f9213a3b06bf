//! Where standing comes from.

use std::collections::BTreeSet;
use std::sync::Arc;

use sentinel_proto::hub::{HubClient, HubError};
use sovereign_contracts::reader::{ReadError, Reader};

use super::{NodeRegistryReader, StandingFinding, StandingQuery};
use crate::config::{Config, StandingSourceName};
use crate::refusal::Refusal;

/// Where standing comes from.
#[derive(Debug)]
pub enum StandingSource {
    /// The registry on Ethereum.
    Registry(Box<NodeRegistryReader>),
    /// Links of the plans on the hub, which an oracle keeps in step with the registry.
    Hub(HubClient),
}

/// Error of a source.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// Ethereum is unavailable, or there is no registry.
    #[error("Ethereum: {0}")]
    Ethereum(#[from] ReadError),
    /// The hub is unavailable.
    #[error("hub: {0}")]
    Hub(#[from] HubError),
}

impl StandingSource {
    /// Creates the source that `[registry]` names, if any: on the chain of the cards, or on a separate one.
    pub(crate) fn from_config(
        config: &Config,
        ethereum: &Arc<Reader>,
        hub: &HubClient,
    ) -> Result<Option<Self>, ReadError> {
        Ok(match config.registry.source {
            StandingSourceName::Hub => Some(Self::Hub(hub.clone())),
            StandingSourceName::Registry if config.registry.contract.is_zero() => None,
            StandingSourceName::Registry => {
                Some(Self::Registry(Box::new(NodeRegistryReader::from_config(config, ethereum)?)))
            }
        })
    }

    /// Refusal while the source is unavailable.
    pub(super) const fn unknown(&self) -> Refusal {
        match self {
            Self::Registry(_) => Refusal::EthereumUnavailable,
            Self::Hub(_) => Refusal::HubUnavailable,
        }
    }

    /// Reads the standing; `before` is the previous finding about the same node.
    pub async fn read_standing(
        &self,
        question: &StandingQuery,
        before: Option<&StandingFinding>,
    ) -> Result<StandingFinding, StandingError> {
        match self {
            Self::Registry(registry) => {
                let good = before == Some(&StandingFinding::Registered(Ok(())));
                Ok(registry.read_standing(&question.node, good).await?)
            }
            Self::Hub(hub) => {
                let node = question.node.to_string();
                let mut linked = BTreeSet::new();
                // Sequential: after a failure, concurrent queries would all but one be refused.
                for plan in &question.plans {
                    if hub.nodes_for_plan(*plan).await?.iter().any(|found| found.address == node) {
                        linked.insert(*plan);
                    }
                }
                Ok(StandingFinding::Linked(linked))
            }
        }
    }
}
