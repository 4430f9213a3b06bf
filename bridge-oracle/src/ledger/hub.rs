//! Reads the ledger from the hub: three queries in a round without missing data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_proto::address::{NodeAddress, ProviderAddress};
use sentinel_proto::hub::{HubClient, HubError};
use sentinel_proto::wire::sentinel::lease::v1::Lease;
use sentinel_proto::wire::sentinel::node::v3::Node;
use sentinel_proto::wire::sentinel::plan::v3::Plan;
use sentinel_proto::wire::sentinel::types::v1::{Price as WirePrice, RenewalPricePolicy, Status};

use super::{
    LeaseState, Ledger, LedgerError, NodeOnHub, PlanState, Price, ProviderState, RENEWAL, ReadLedger,
};

/// Time that an active provider or plan is assumed to stay active. Only a transaction of the provider changes it, and a
/// wrong assumption costs a refused lease.
const ACTIVE_CACHE_TTL: Duration = Duration::from_secs(600);
/// Maximum step back of the block time; endpoints are some blocks apart.
const MAX_CLOCK_REGRESSION_SECS: u64 = 300;
/// Maximum age of the newest block. While the hub stands still, nothing can be done on it.
const MAX_BLOCK_AGE_SECS: u64 = 3600;
/// Above this number of unknown nodes, the list of all active nodes is cheaper.
const MAX_SINGLE_NODE_QUERIES: usize = 32;
/// Maximum concurrent queries.
const MAX_CONCURRENT_QUERIES: usize = 8;

/// Reads the ledger from the hub.
#[derive(Debug)]
pub struct HubLedger {
    hub: HubClient,
    provider: ProviderAddress,
    plans: BTreeSet<u64>,
    denom: String,
    cache: Mutex<LedgerCache>,
}

/// Recently read state.
#[derive(Debug, Default)]
struct LedgerCache {
    provider: Option<Instant>,
    plans: BTreeMap<u64, Instant>,
    /// Newest block time that was accepted.
    time: u64,
}

impl HubLedger {
    /// Creates the reader; makes no network call.
    pub fn new(hub: HubClient, provider: ProviderAddress, plans: &[u64], denom: &str) -> Self {
        let plans = plans.iter().copied().collect();
        Self { hub, provider, plans, denom: denom.to_owned(), cache: Mutex::default() }
    }

    async fn provider_state(&self, has_leases: bool) -> Result<ProviderState, LedgerError> {
        // A provider that becomes inactive loses its leases in the same block.
        if has_leases && self.cache().provider.is_some_and(|seen| seen.elapsed() < ACTIVE_CACHE_TTL) {
            return Ok(ProviderState::Active);
        }
        let found = self.hub.provider(&self.provider).await?;
        let state = match found.map(|provider| provider.status()) {
            None => ProviderState::Absent,
            Some(Status::Active) => ProviderState::Active,
            Some(_) => ProviderState::Inactive,
        };
        self.cache().provider = (state == ProviderState::Active).then(Instant::now);
        Ok(state)
    }

    /// Returns whether a plan takes subscriptions; `None`: the plan does not exist.
    async fn is_plan_active(&self, id: u64) -> Result<Option<bool>, LedgerError> {
        if self.cache().plans.get(&id).is_some_and(|seen| seen.elapsed() < ACTIVE_CACHE_TTL) {
            return Ok(Some(true));
        }
        let Some(plan): Option<Plan> = self.hub.plan(id).await? else { return Ok(None) };
        if plan.prov_address != self.provider.to_string() {
            return Err(LedgerError::ForeignPlan { plan: id, owner: plan.prov_address });
        }
        let active = plan.status() == Status::Active;
        if active {
            self.cache().plans.insert(id, Instant::now());
        } else {
            self.cache().plans.remove(&id);
        }
        Ok(Some(active))
    }

    /// Reads state and price of these nodes; nodes that are not on the hub are left out.
    async fn read_nodes(&self, addresses: BTreeSet<NodeAddress>) -> Result<Vec<Node>, LedgerError> {
        let mut found = Vec::new();
        let mut rest: Vec<_> = addresses.into_iter().collect();
        if rest.len() > MAX_SINGLE_NODE_QUERIES {
            let wanted: BTreeSet<String> = rest.iter().map(ToString::to_string).collect();
            found = self.hub.nodes(Status::Active).await?;
            found.retain(|node| wanted.contains(&node.address));
            let known: BTreeSet<&str> = found.iter().map(|node| node.address.as_str()).collect();
            rest.retain(|address| !known.contains(address.to_string().as_str()));
            // Inactive nodes cannot be leased; their details are shown by `why` only, so a bounded number is enough.
            rest.truncate(MAX_SINGLE_NODE_QUERIES);
        }
        let single: Vec<Option<Node>> = stream::iter(rest)
            .map(|address| {
                let hub = self.hub.clone();
                async move { hub.node(&address).await }
            })
            .buffered(MAX_CONCURRENT_QUERIES)
            .try_collect()
            .await?;
        found.extend(single.into_iter().flatten());
        Ok(found)
    }

    fn decode_node(&self, node: &Node) -> NodeOnHub {
        let price = node.hourly_prices.iter().find(|price| price.denom == self.denom);
        NodeOnHub { active: node.status() == Status::Active, hourly: price.and_then(decode_price) }
    }

    /// Checks the block time of a ledger. Grace, dwell time and limits are counted by it, so a wrong endpoint could end
    /// or stretch all of them.
    fn accept_time(&self, time: u64, local: u64) -> Result<u64, LedgerError> {
        let mut cache = self.cache();
        if time.saturating_add(MAX_CLOCK_REGRESSION_SECS) < cache.time {
            return Err(LedgerError::Time { time, problem: "an earlier answer was minutes newer" });
        }
        if time.saturating_add(MAX_BLOCK_AGE_SECS) < local {
            return Err(LedgerError::Time {
                time,
                problem: "by the clock here that is more than an hour ago",
            });
        }
        cache.time = cache.time.max(time);
        Ok(time)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, LedgerCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadLedger for HubLedger {
    async fn read(&self, wanted: &BTreeSet<NodeAddress>) -> Result<Ledger, LedgerError> {
        // This query runs alone. After a failure, the hub client probes an endpoint with one query and refuses
        // concurrent ones; a refused one would end the read before the probe is answered, and the endpoint would stay
        // excluded forever.
        let (mut height, time) = self.hub.latest_block().await?;
        let time = self.accept_time(unix_seconds(time), unix_seconds(SystemTime::now()))?;
        let links = stream::iter(self.plans.clone())
            .map(|plan| {
                let hub = self.hub.clone();
                async move { Ok::<_, HubError>((plan, hub.nodes_for_plan_at_height(plan).await?)) }
            })
            .buffered(MAX_CONCURRENT_QUERIES)
            .try_collect::<Vec<_>>();
        let leases = self.hub.leases_for_provider_at_height(&self.provider);
        let (links, leases) = futures::try_join!(links, leases)?;
        height = leases.height.map_or(height, |seen| seen.min(height));
        let leases = leases.value.iter().map(decode_lease).collect::<Result<BTreeMap<_, _>, _>>()?;
        let provider = self.provider_state(!leases.is_empty()).await?;
        let (mut plans, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for (plan, linked) in links {
            let Some(active) = self.is_plan_active(plan).await? else { continue };
            height = linked.height.map_or(height, |seen| seen.min(height));
            let mut links = BTreeSet::new();
            for node in &linked.value {
                let address = parse_node_address(&node.address)?;
                links.insert(address);
                nodes.insert(address, self.decode_node(node));
            }
            plans.insert(plan, PlanState { active, links });
        }
        let unknown = wanted.iter().chain(leases.keys()).filter(|node| !nodes.contains_key(*node)).copied();
        for node in self.read_nodes(unknown.collect()).await? {
            nodes.insert(parse_node_address(&node.address)?, self.decode_node(&node));
        }
        Ok(Ledger { height, time, provider, plans, leases, nodes })
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn decode_lease(lease: &Lease) -> Result<(NodeAddress, LeaseState), LedgerError> {
    let price = lease.price.as_ref().and_then(decode_price);
    let price = price.ok_or_else(|| inconsistent(format!("lease {} has no price", lease.id)))?;
    let start = lease.start_at.map(|time| time.seconds).unwrap_or_default();
    let state = LeaseState {
        id: lease.id,
        price,
        hours: u32::try_from(lease.max_hours).unwrap_or_default(),
        paid: u32::try_from(lease.hours).unwrap_or_default(),
        start: u64::try_from(start).unwrap_or_default(),
        renews: lease.renewal_price_policy() != RenewalPricePolicy::Unspecified,
        always: lease.renewal_price_policy() == RENEWAL,
    };
    Ok((parse_node_address(&lease.node_address)?, state))
}

fn decode_price(price: &WirePrice) -> Option<Price> {
    Some(Price { base: price.base_value.parse().ok()?, quote: price.quote_value.parse().ok()? })
}

fn parse_node_address(text: &str) -> Result<NodeAddress, LedgerError> {
    text.parse().map_err(|error| inconsistent(format!("address of a node: {error}")))
}

fn inconsistent(what: String) -> LedgerError {
    LedgerError::Hub(HubError::Inconsistent(what.into()))
}

#[cfg(test)]
mod tests {
    use sentinel_proto::hub::HubConfig;

    use super::*;

    #[test]
    fn rejects_time_that_steps_back_or_is_too_old() {
        let config = HubConfig {
            grpc_addrs: vec!["127.0.0.1:1".to_owned()],
            chain_id: "chain-1".to_owned(),
            timeout: ACTIVE_CACHE_TTL,
        };
        let provider = ProviderAddress::new([1; 20]);
        let ledger = HubLedger::new(HubClient::new(config).unwrap(), provider, &[], "udvpn");
        let now = 1_800_000_000;
        assert_eq!(ledger.accept_time(now - MAX_BLOCK_AGE_SECS, now).unwrap(), now - MAX_BLOCK_AGE_SECS);
        assert!(ledger.accept_time(now - MAX_BLOCK_AGE_SECS - 1, now).is_err());
        assert_eq!(ledger.accept_time(now, now).unwrap(), now);
        assert_eq!(
            ledger.accept_time(now - MAX_CLOCK_REGRESSION_SECS, now).unwrap(),
            now - MAX_CLOCK_REGRESSION_SECS
        );
        assert!(ledger.accept_time(now - MAX_CLOCK_REGRESSION_SECS - 1, now).is_err());
        // A rejected time changes no state.
        assert_eq!(ledger.accept_time(now + 6, now).unwrap(), now + 6);
    }
}
