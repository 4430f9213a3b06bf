//! Keeps standing up to date: events name the nodes that changed, those are read anew, and from time to time
//! everything is. Events are a saving, never the truth: what they say of values is not used.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use alloy::sol_types::SolEvent;
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::reader::{Block, LogFilter, Reader};
use sovereign_contracts::system::NodeRegistry;

use super::registry::{Head, Registry, settled};
use super::{Settled, StandingError, Standings};
use crate::policy::{Ethereum, Finality};

/// Blocks of one question for events; providers allow few.
const MOST_BLOCKS: u64 = 1000;

/// Standing, kept up to date.
#[derive(Debug)]
pub struct Follower {
    registry: Registry,
    finality: Finality,
    max_age: Duration,
    audit_interval: Duration,
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    standings: Standings,
    audited: Instant,
}

impl Follower {
    /// Follows the governed contracts through `reader`, reading `page` nodes at once.
    pub fn new(reader: Reader, ethereum: &Ethereum, page: usize, audit_interval: Duration) -> Self {
        Self {
            registry: Registry::new(reader, ethereum, page),
            finality: ethereum.finality,
            max_age: ethereum.max_age,
            audit_interval,
            known: None,
        }
    }

    /// The newest block that any provider showed, settled or not.
    pub fn newest(&self) -> Option<u64> {
        let heads = self.registry.reader.status().into_iter().filter_map(|provider| provider.head);
        heads.map(|block| block.number).max()
    }

    /// Standing at the newest settled block.
    pub async fn refresh(&mut self) -> Result<&Standings, StandingError> {
        let fresh = match self.known.take_if(|known| known.audited.elapsed() < self.audit_interval) {
            // A chain without finality may undo what the events of a block were: it is read whole each time.
            Some(known) if !matches!(self.finality, Finality::Depth(_)) => self.follow(known).await,
            _ => self.audit().await,
        };
        // After a failure everything is read: cheaper than to think about what may be missing.
        let known = fresh?;
        self.check_age(known.standings.block)?;
        Ok(&self.known.insert(known).standings)
    }

    async fn audit(&self) -> Result<Known, StandingError> {
        let standings = self.registry.all().await?;
        tracing::debug!(block = standings.block.number, nodes = standings.nodes.len(), "read the registry");
        Ok(Known { standings, audited: Instant::now() })
    }

    async fn follow(&self, mut known: Known) -> Result<Known, StandingError> {
        let head = self.registry.head().await?;
        let from = known.standings.block.number;
        if head.block.number <= from {
            // The same block, or a provider that is a little behind the one before.
            return Ok(known);
        }
        let changed = !alike(&known.standings, &head);
        let Some(touched) = self.touched(from + 1, head.block).await?.filter(|_| !changed) else {
            return self.audit().await;
        };
        if !touched.is_empty() {
            let mut now = self.registry.some(head.block, &touched).await?;
            for node in touched {
                match now.remove(&node) {
                    Some(standing) => known.standings.nodes.insert(node, standing),
                    None => known.standings.nodes.remove(&node),
                };
            }
        }
        if known.standings.nodes.len() != head.count {
            tracing::warn!("events were missing: reading the whole registry");
            return self.audit().await;
        }
        known.standings.block = settled(head.block);
        known.standings.parameters = head.parameters;
        Ok(known)
    }

    /// Nodes that events of these blocks name; nothing when they are too many to be worth it.
    async fn touched(&self, from: u64, to: Block) -> Result<Option<BTreeSet<NodeAddress>>, StandingError> {
        if to.number - from >= MOST_BLOCKS {
            return Ok(None);
        }
        let filter = LogFilter {
            address: self.registry.nodes,
            topic: NodeRegistry::StandingChanged::SIGNATURE_HASH,
            from,
            to: to.number,
        };
        let logs = self.registry.reader.logs(&filter).await?;
        let touched: BTreeSet<_> =
            logs.iter().filter_map(|log| log.topics.get(1)).map(|topic| node_of(*topic)).collect();
        Ok((touched.len() <= self.registry.page).then_some(touched))
    }

    fn check_age(&self, block: Settled) -> Result<(), StandingError> {
        let age = block.age();
        if age > self.max_age {
            return Err(StandingError::Stale { number: block.number, age, most: self.max_age });
        }
        Ok(())
    }
}

/// Whether what holds for all nodes is as it was: a change of it has no event for each of them.
fn alike(standings: &Standings, head: &Head) -> bool {
    let (before, now) = (&standings.parameters, &head.parameters);
    (before.revision, before.min_stake) == (now.revision, now.min_stake)
}

/// `bytes20` stands at the left of its topic.
fn node_of(topic: B256) -> NodeAddress {
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&topic[..20]);
    NodeAddress::new(bytes)
}
