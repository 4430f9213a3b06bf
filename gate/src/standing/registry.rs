//! Standing in the registry on Ethereum: a fault applies from the newest block on, its end from a settled block.

use std::sync::Arc;

use alloy::primitives::{Address, FixedBytes};
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::reader::{BlockTag, Call, CallResult, ReadError, Reader, ReaderConfig};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::{StandingFault, StandingFinding};
use crate::access::EthereumMetrics;
use crate::config::{Config, Finality};

/// Reader of the registry and the required minimum.
#[derive(Debug, Clone)]
pub struct NodeRegistryReader {
    /// Reader of Ethereum.
    pub reader: Arc<Reader>,
    /// The `NodeRegistry`.
    pub nodes: Address,
    /// The `ParameterRegistry`, whose minimum score applies as well.
    pub parameters: Option<Address>,
    /// The operator's minimum score.
    pub min_score: u16,
    /// Block in which a node must be good.
    pub settled: Finality,
}

impl NodeRegistryReader {
    /// Creates the reader: on the chain of the cards, or on a separate one if `[registry]` names its providers.
    pub(crate) fn from_config(config: &Config, ethereum: &Arc<Reader>) -> Result<Self, ReadError> {
        let registry = &config.registry;
        let own_chain = !registry.rpc_addrs.is_empty();
        let reader = if own_chain {
            let reader = ReaderConfig {
                rpc_addrs: registry.rpc_addrs.clone(),
                chain_id: registry.chain_id,
                quorum: registry.quorum,
                ..ethereum.config().clone()
            };
            Arc::new(Reader::new(reader, Arc::new(EthereumMetrics))?)
        } else {
            Arc::clone(ethereum)
        };
        let governed = config.governance.parameters;
        Ok(Self {
            reader,
            nodes: registry.contract,
            parameters: (!own_chain && !governed.is_zero()).then_some(governed),
            min_score: registry.min_score,
            settled: registry.finality,
        })
    }

    /// Reads the standing of `node`. `good`: the previous finding was good, so nothing has to settle.
    pub(super) async fn read_standing(
        &self,
        node: &NodeAddress,
        good: bool,
    ) -> Result<StandingFinding, ReadError> {
        let calls = self.calls(node);
        let newest = self.evaluate(&self.reader.read(&calls, BlockTag::Latest).await?.results)?;
        let at = match self.settled {
            Finality::Finalized => BlockTag::Finalized,
            Finality::Safe => BlockTag::Safe,
            Finality::Latest => BlockTag::Latest,
        };
        if newest.is_err() || good || at == BlockTag::Latest {
            return Ok(StandingFinding::Registered(newest));
        }
        let settled = self.evaluate(&self.reader.read(&calls, at).await?.results)?;
        Ok(StandingFinding::Registered(settled.map_err(|fault| StandingFault::Unsettled(Box::new(fault)))))
    }

    fn calls(&self, node: &NodeAddress) -> Vec<Call> {
        let standing = NodeRegistry::standingCall { node: FixedBytes(*node.as_bytes()) };
        let mut calls = vec![Call::new(self.nodes, &standing)];
        calls.extend(
            self.parameters.map(|registry| Call::new(registry, &ParameterRegistry::policyForOracleCall {})),
        );
        calls
    }

    fn evaluate(&self, results: &[CallResult]) -> Result<Result<(), StandingFault>, ReadError> {
        let missing = || ReadError::Unavailable("an answer is missing".to_owned());
        let standing = results.first().ok_or_else(missing)?.decode::<NodeRegistry::standingCall>()?;
        let mut least = self.min_score;
        if self.parameters.is_some() {
            let governed = results.get(1).ok_or_else(missing)?;
            let governed = governed.decode::<ParameterRegistry::policyForOracleCall>()?.minScore;
            // A minimum beyond the range means that no node is good.
            least = least.max(u16::try_from(governed).unwrap_or(u16::MAX));
        }
        Ok(if !standing.registered {
            Err(StandingFault::NotRegistered)
        } else if standing.blacklisted {
            Err(StandingFault::Blacklisted)
        } else if !standing.active {
            Err(StandingFault::Inactive)
        } else if standing.score < least {
            Err(StandingFault::Score { score: standing.score, least })
        } else {
            Ok(())
        })
    }
}
