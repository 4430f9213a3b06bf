//! Standing in the registry on Ethereum: a fault applies from the newest block on, its end from a settled block.

use std::sync::Arc;

use alloy::primitives::{Address, FixedBytes};
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::reader::{BlockTag, Call, CallResult, ReadError, Reader};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::{StandingFault, StandingFinding};
use crate::config::Finality;

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
