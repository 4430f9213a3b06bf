//! Keeps standing up to date: events name the changed nodes, which are read again, and at an interval the whole
//! registry is read. Events only save reads; their values are not used.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use alloy::sol_types::SolEvent;
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::reader::{Block, LogFilter, Reader};
use sovereign_contracts::system::NodeRegistry;

use super::registry::{RegistryHead, RegistryReader, settled};
use super::{SettledBlock, StandingError, Standings};
use crate::policy::{Ethereum, Finality};

/// Maximum blocks of one log query; providers allow few.
const MAX_LOG_BLOCKS: u64 = 1000;

/// Reads standing incrementally.
#[derive(Debug)]
pub struct Follower {
    registry: RegistryReader,
    finality: Finality,
    max_age: Duration,
    audit_interval: Duration,
    cached: Option<CachedStandings>,
}

#[derive(Debug)]
struct CachedStandings {
    standings: Standings,
    last_audit: Instant,
}

impl Follower {
    /// Creates a follower of the governed contracts that reads `page` nodes per call.
    pub fn new(reader: Reader, ethereum: &Ethereum, page: usize, audit_interval: Duration) -> Self {
        Self {
            registry: RegistryReader::new(reader, ethereum, page),
            finality: ethereum.finality,
            max_age: ethereum.max_age,
            audit_interval,
            cached: None,
        }
    }

    /// Returns the newest block that any provider showed, settled or not.
    pub fn newest(&self) -> Option<u64> {
        let heads = self.registry.reader.status().into_iter().filter_map(|provider| provider.head);
        heads.map(|block| block.number).max()
    }

    /// Returns standing at the newest settled block.
    pub async fn refresh(&mut self) -> Result<&Standings, StandingError> {
        let fresh = match self.cached.take_if(|cached| cached.last_audit.elapsed() < self.audit_interval) {
            // A chain without finality may undo the blocks of earlier events: the registry is read whole each time.
            Some(cached) if !matches!(self.finality, Finality::Depth(_)) => self.apply_events(cached).await,
            _ => self.read_registry().await,
        };
        // After a failure the whole registry is read: the cache is dropped.
        let cached = fresh?;
        self.check_age(cached.standings.block)?;
        Ok(&self.cached.insert(cached).standings)
    }

    async fn read_registry(&self) -> Result<CachedStandings, StandingError> {
        let standings = self.registry.read_all().await?;
        tracing::debug!(block = standings.block.number, nodes = standings.nodes.len(), "read the registry");
        Ok(CachedStandings { standings, last_audit: Instant::now() })
    }

    async fn apply_events(&self, mut cached: CachedStandings) -> Result<CachedStandings, StandingError> {
        let head = self.registry.read_head().await?;
        let from = cached.standings.block.number;
        if head.block.number <= from {
            // The same block, or a provider slightly behind the previous one.
            return Ok(cached);
        }
        let parameters_changed = !has_same_parameters(&cached.standings, &head);
        let Some(changed) = self.changed_nodes(from + 1, head.block).await?.filter(|_| !parameters_changed)
        else {
            return self.read_registry().await;
        };
        if !changed.is_empty() {
            let mut now = self.registry.read_nodes(head.block, &changed).await?;
            for node in changed {
                match now.remove(&node) {
                    Some(standing) => cached.standings.nodes.insert(node, standing),
                    None => cached.standings.nodes.remove(&node),
                };
            }
        }
        if cached.standings.nodes.len() != head.count {
            tracing::warn!("missing events; reading the whole registry");
            return self.read_registry().await;
        }
        cached.standings.block = settled(head.block);
        cached.standings.parameters = head.parameters;
        Ok(cached)
    }

    /// Returns the nodes that events of these blocks name; `None` if there are too many to read one by one.
    async fn changed_nodes(
        &self,
        from: u64,
        to: Block,
    ) -> Result<Option<BTreeSet<NodeAddress>>, StandingError> {
        if to.number - from >= MAX_LOG_BLOCKS {
            return Ok(None);
        }
        let filter = LogFilter {
            address: self.registry.nodes,
            topic: NodeRegistry::StandingChanged::SIGNATURE_HASH,
            from,
            to: to.number,
        };
        let logs = self.registry.reader.logs(&filter).await?;
        let changed: BTreeSet<_> =
            logs.iter().filter_map(|log| log.topics.get(1)).map(|topic| node_from_topic(*topic)).collect();
        Ok((changed.len() <= self.registry.page).then_some(changed))
    }

    fn check_age(&self, block: SettledBlock) -> Result<(), StandingError> {
        let age = block.age();
        if age > self.max_age {
            return Err(StandingError::Stale { number: block.number, age, max_age: self.max_age });
        }
        Ok(())
    }
}

/// Returns whether the parameters of all nodes are unchanged: their change emits no event per node.
fn has_same_parameters(standings: &Standings, head: &RegistryHead) -> bool {
    let (before, now) = (&standings.parameters, &head.parameters);
    (before.revision, before.min_stake) == (now.revision, now.min_stake)
}

/// `bytes20` is left-aligned in its topic.
fn node_from_topic(topic: B256) -> NodeAddress {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&topic[..20]);
    NodeAddress::new(bytes)
}
