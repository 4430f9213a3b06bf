//! Reads the two contracts at one block.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, FixedBytes, U256};
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::reader::{Block, BlockTag, Call, CallResult, Reader, Snapshot};
use sovereign_contracts::system::{NodeRegistry, ParameterRegistry};

use super::{NodeStanding, Parameters, SettledBlock, StandingError, Standings};
use crate::policy::{Ethereum, Finality};

/// Bound of the registry's length: more nodes than the hub can link. A longer list is rejected as false.
const MAX_NODES: usize = 100_000;

/// Reads both contracts.
#[derive(Debug)]
pub(super) struct RegistryReader {
    pub(super) reader: Reader,
    pub(super) nodes: Address,
    parameters: Address,
    finality: Finality,
    pub(super) page: usize,
}

/// Block, parameters and node count.
#[derive(Debug, Clone, Copy)]
pub(super) struct RegistryHead {
    pub(super) block: Block,
    pub(super) parameters: Parameters,
    pub(super) count: usize,
}

impl RegistryReader {
    pub(super) fn new(reader: Reader, ethereum: &Ethereum, page: usize) -> Self {
        let (nodes, parameters) = (ethereum.node_registry, ethereum.parameter_registry);
        Self { reader, nodes, parameters, finality: ethereum.finality, page }
    }

    /// Reads the newest settled block, the parameters and the node count.
    pub(super) async fn read_head(&self) -> Result<RegistryHead, StandingError> {
        let snapshot = self.reader.read(&self.head_calls(), self.settled_position().await?).await?;
        decode_head(&snapshot)
    }

    /// Reads the whole registry at the newest settled block.
    pub(super) async fn read_all(&self) -> Result<Standings, StandingError> {
        let mut calls = self.head_calls();
        calls.push(self.page_call(0));
        let snapshot = self.reader.read(&calls, self.settled_position().await?).await?;
        let head = decode_head(&snapshot)?;
        let mut nodes = BTreeMap::new();
        let mut next = self.insert_page(&mut nodes, result(&snapshot, 2)?, 0)?;
        while let Some(cursor) = next {
            let snapshot = self.read_at(head.block, &[self.page_call(cursor)]).await?;
            next = self.insert_page(&mut nodes, result(&snapshot, 0)?, cursor)?;
        }
        if nodes.len() != head.count {
            return Err(StandingError::Inconsistent("the pages do not hold as many nodes as there are"));
        }
        Ok(Standings { block: settled(head.block), parameters: head.parameters, nodes })
    }

    /// Reads the standing of `changed` at `block`; unregistered nodes are left out.
    pub(super) async fn read_nodes(
        &self,
        block: Block,
        changed: &BTreeSet<NodeAddress>,
    ) -> Result<BTreeMap<NodeAddress, NodeStanding>, StandingError> {
        let call = |node: &NodeAddress| {
            Call::new(self.nodes, &NodeRegistry::standingCall { node: FixedBytes(*node.as_bytes()) })
        };
        let calls: Vec<_> = changed.iter().map(call).collect();
        let snapshot = self.read_at(block, &calls).await?;
        let mut nodes = BTreeMap::new();
        for (node, result) in changed.iter().zip(&snapshot.results) {
            let answer = result.decode::<NodeRegistry::standingCall>()?;
            if answer.registered {
                let standing = NodeStanding {
                    active: answer.active,
                    stake: answer.stake,
                    score: answer.score,
                    blacklisted: answer.blacklisted,
                    since: answer.since,
                };
                nodes.insert(*node, standing);
            }
        }
        Ok(nodes)
    }

    async fn settled_position(&self) -> Result<BlockTag, StandingError> {
        Ok(match self.finality {
            Finality::Finalized => BlockTag::Finalized,
            Finality::Safe => BlockTag::Safe,
            Finality::Depth(depth) => {
                let newest = self.reader.read(&[], BlockTag::Latest).await?.block.number;
                BlockTag::Number(newest.saturating_sub(depth))
            }
        })
    }

    /// Reads again at the same block: number, time and parent must match the first read.
    async fn read_at(&self, block: Block, calls: &[Call]) -> Result<Snapshot, StandingError> {
        let snapshot = self.reader.read(calls, BlockTag::Number(block.number)).await?;
        if snapshot.block == block {
            Ok(snapshot)
        } else {
            Err(StandingError::Inconsistent("the block has changed between two reads"))
        }
    }

    fn head_calls(&self) -> Vec<Call> {
        vec![
            Call::new(self.parameters, &ParameterRegistry::policyForOracleCall {}),
            Call::new(self.nodes, &NodeRegistry::nodeCountCall {}),
        ]
    }

    fn page_call(&self, cursor: usize) -> Call {
        let call = NodeRegistry::standingsCall { cursor: U256::from(cursor), limit: U256::from(self.page) };
        Call::new(self.nodes, &call)
    }

    /// Inserts a page; returns the cursor of the next one.
    fn insert_page(
        &self,
        nodes: &mut BTreeMap<NodeAddress, NodeStanding>,
        result: &CallResult,
        cursor: usize,
    ) -> Result<Option<usize>, StandingError> {
        let answer = result.decode::<NodeRegistry::standingsCall>()?;
        let wrong = StandingError::Inconsistent;
        if answer.page.len() > self.page || nodes.len() + answer.page.len() > MAX_NODES {
            return Err(wrong("a page is longer than asked for"));
        }
        for line in answer.page {
            let standing = NodeStanding {
                active: line.active,
                stake: line.stake,
                score: line.score,
                blacklisted: line.blacklisted,
                since: line.since,
            };
            if nodes.insert(NodeAddress::new(line.node.0), standing).is_some() {
                return Err(wrong("a node is there twice"));
            }
        }
        let next = usize::try_from(answer.next).map_err(|_| wrong("a cursor beyond all nodes"))?;
        match next {
            0 => Ok(None),
            _ if next == cursor + self.page => Ok(Some(next)),
            _ => Err(wrong("a cursor that does not go on")),
        }
    }
}

fn decode_head(snapshot: &Snapshot) -> Result<RegistryHead, StandingError> {
    let policy = result(snapshot, 0)?.decode::<ParameterRegistry::policyForOracleCall>()?;
    let count = result(snapshot, 1)?.decode::<NodeRegistry::nodeCountCall>()?;
    let parameters = Parameters {
        paused: policy.paused,
        min_stake: policy.minStakeToStay,
        // A minimum above the type's range is unreachable for every node; the largest value keeps that meaning.
        min_score: u16::try_from(policy.minScore).unwrap_or(u16::MAX),
        config_hash: policy.configHash,
        revision: policy.revision,
    };
    let count = usize::try_from(count).ok().filter(|&count| count <= MAX_NODES);
    let count = count.ok_or(StandingError::Inconsistent("more nodes than there can be"))?;
    Ok(RegistryHead { block: snapshot.block, parameters, count })
}

fn result(snapshot: &Snapshot, index: usize) -> Result<&CallResult, StandingError> {
    snapshot.results.get(index).ok_or(StandingError::Inconsistent("an answer is missing"))
}

pub(super) const fn settled(block: Block) -> SettledBlock {
    SettledBlock { number: block.number, timestamp: block.timestamp }
}
