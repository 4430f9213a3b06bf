//! The registry on Ethereum: a fault counts from the newest block on, its end from a settled one.

use std::sync::Arc;

use alloy::primitives::{Address, FixedBytes};
use sentinel_proto::address::NodeAddress;
use serde::{Deserialize, Serialize};
use sovereign_contracts::reader::{At, Call, CallResult, ReadError, Reader};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::{Fault, Finding};

/// Which block a node must be good in before it is taken for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettledAt {
    /// One that cannot be undone any more.
    #[default]
    Finalized,
    /// One that is unlikely to be undone.
    Safe,
    /// The newest, for chains without finality.
    Latest,
}

/// Whom to ask, and what is asked for.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Asks Ethereum.
    pub reader: Arc<Reader>,
    /// The `NodeRegistry`.
    pub nodes: Address,
    /// The `ParameterRegistry`, whose least score counts as well.
    pub parameters: Option<Address>,
    /// The operator's least score.
    pub min_score: u16,
    /// Where good begins to count.
    pub settled: SettledAt,
}

impl Registry {
    /// Standing of `node`; `good`: it was good when it was read last, so nothing has to settle.
    pub(super) async fn ask(&self, node: &NodeAddress, good: bool) -> Result<Finding, ReadError> {
        let calls = self.calls(node);
        let newest = self.judge(&self.reader.read(&calls, At::Latest).await?.results)?;
        let at = match self.settled {
            SettledAt::Finalized => At::Finalized,
            SettledAt::Safe => At::Safe,
            SettledAt::Latest => At::Latest,
        };
        if newest.is_err() || good || at == At::Latest {
            return Ok(Finding::Registered(newest));
        }
        let settled = self.judge(&self.reader.read(&calls, at).await?.results)?;
        Ok(Finding::Registered(settled.map_err(|fault| Fault::Unsettled(Box::new(fault)))))
    }

    fn calls(&self, node: &NodeAddress) -> Vec<Call> {
        let standing = NodeRegistry::standingCall { node: FixedBytes(*node.as_bytes()) };
        let mut calls = vec![Call::new(self.nodes, &standing)];
        calls.extend(
            self.parameters.map(|registry| Call::new(registry, &ParameterRegistry::policyForOracleCall {})),
        );
        calls
    }

    fn judge(&self, results: &[CallResult]) -> Result<Result<(), Fault>, ReadError> {
        let missing = || ReadError::Unavailable("an answer is missing".to_owned());
        let standing = results.first().ok_or_else(missing)?.decode::<NodeRegistry::standingCall>()?;
        let mut least = self.min_score;
        if self.parameters.is_some() {
            let governed = results.get(1).ok_or_else(missing)?;
            let governed = governed.decode::<ParameterRegistry::policyForOracleCall>()?.minScore;
            // A least score that no node can have is what the contracts ask for then.
            least = least.max(u16::try_from(governed).unwrap_or(u16::MAX));
        }
        Ok(if !standing.registered {
            Err(Fault::NotRegistered)
        } else if standing.blacklisted {
            Err(Fault::Blacklisted)
        } else if !standing.active {
            Err(Fault::Inactive)
        } else if standing.score < least {
            Err(Fault::Score { score: standing.score, least })
        } else {
            Ok(())
        })
    }
}
