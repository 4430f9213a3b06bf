//! Reading the ledger: three questions for a round in which nothing is missing.

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

/// How long an active provider or plan is taken to stay so. Nothing but a transaction of the provider changes it,
/// and a wrong guess costs a refused lease.
const KEPT: Duration = Duration::from_secs(600);
/// How far the time may go back; endpoints are some blocks apart.
const BEHIND: u64 = 300;
/// How old the newest block may be. While the hub stands still nothing can be done on it anyway.
const STILL: u64 = 3600;
/// Above this many unknown nodes the list of all active ones is cheaper.
const SINGLY: usize = 32;
/// Questions for single nodes at the same time.
const AT_ONCE: usize = 8;

/// Reads the ledger from the hub.
#[derive(Debug)]
pub struct HubLedger {
    hub: HubClient,
    provider: ProviderAddress,
    plans: BTreeSet<u64>,
    denom: String,
    kept: Mutex<Kept>,
}

/// What was so a moment ago.
#[derive(Debug, Default)]
struct Kept {
    provider: Option<Instant>,
    plans: BTreeMap<u64, Instant>,
    /// The newest time that was accepted.
    time: u64,
}

impl HubLedger {
    /// Prepares; asks nobody yet.
    pub fn new(hub: HubClient, provider: ProviderAddress, plans: &[u64], denom: &str) -> Self {
        let plans = plans.iter().copied().collect();
        Self { hub, provider, plans, denom: denom.to_owned(), kept: Mutex::default() }
    }

    async fn provider(&self, has_leases: bool) -> Result<ProviderState, LedgerError> {
        // A provider that goes inactive loses its leases in the same block.
        if has_leases && self.kept().provider.is_some_and(|seen| seen.elapsed() < KEPT) {
            return Ok(ProviderState::Active);
        }
        let found = self.hub.provider(&self.provider).await?;
        let state = match found.map(|provider| provider.status()) {
            None => ProviderState::Absent,
            Some(Status::Active) => ProviderState::Active,
            Some(_) => ProviderState::Inactive,
        };
        self.kept().provider = (state == ProviderState::Active).then(Instant::now);
        Ok(state)
    }

    /// Whether a plan takes subscriptions; `None`: there is no such plan.
    async fn is_active(&self, id: u64) -> Result<Option<bool>, LedgerError> {
        if self.kept().plans.get(&id).is_some_and(|seen| seen.elapsed() < KEPT) {
            return Ok(Some(true));
        }
        let Some(plan): Option<Plan> = self.hub.plan(id).await? else { return Ok(None) };
        if plan.prov_address != self.provider.to_string() {
            return Err(LedgerError::ForeignPlan { plan: id, owner: plan.prov_address });
        }
        let active = plan.status() == Status::Active;
        if active {
            self.kept().plans.insert(id, Instant::now());
        } else {
            self.kept().plans.remove(&id);
        }
        Ok(Some(active))
    }

    /// State and price of these nodes, as far as they are on the hub.
    async fn nodes(&self, addresses: BTreeSet<NodeAddress>) -> Result<Vec<Node>, LedgerError> {
        let mut found = Vec::new();
        let mut rest: Vec<_> = addresses.into_iter().collect();
        if rest.len() > SINGLY {
            let wanted: BTreeSet<String> = rest.iter().map(ToString::to_string).collect();
            found = self.hub.nodes(Status::Active).await?;
            found.retain(|node| wanted.contains(&node.address));
            let known: BTreeSet<&str> = found.iter().map(|node| node.address.as_str()).collect();
            rest.retain(|address| !known.contains(address.to_string().as_str()));
            // Who is not active cannot be leased; what else it is matters to nobody but the one who asks why.
            rest.truncate(SINGLY);
        }
        let single: Vec<Option<Node>> = stream::iter(rest)
            .map(|address| {
                let hub = self.hub.clone();
                async move { hub.node(&address).await }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        found.extend(single.into_iter().flatten());
        Ok(found)
    }

    fn node(&self, node: &Node) -> NodeOnHub {
        let price = node.hourly_prices.iter().find(|price| price.denom == self.denom);
        NodeOnHub { active: node.status() == Status::Active, hourly: price.and_then(read_price) }
    }

    /// The time of a ledger, if it can be that. Grace, dwell and limits are counted by it, so an endpoint that is wrong
    /// here could end or stretch them all.
    fn accept(&self, time: u64, local: u64) -> Result<u64, LedgerError> {
        let mut kept = self.kept();
        if time.saturating_add(BEHIND) < kept.time {
            return Err(LedgerError::Time { time, problem: "an earlier answer was minutes newer" });
        }
        if time.saturating_add(STILL) < local {
            return Err(LedgerError::Time {
                time,
                problem: "by the clock here that is more than an hour ago",
            });
        }
        kept.time = kept.time.max(time);
        Ok(time)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadLedger for HubLedger {
    async fn read(&self, wanted: &BTreeSet<NodeAddress>) -> Result<Ledger, LedgerError> {
        // Alone: an endpoint that failed is tried by one question, and those beside it, refused at once, would end the
        // read before that one is answered; the endpoint would rest for ever.
        let (mut height, time) = self.hub.latest_block().await?;
        let time = self.accept(unix(time), unix(SystemTime::now()))?;
        let links = stream::iter(self.plans.clone())
            .map(|plan| {
                let hub = self.hub.clone();
                async move { Ok::<_, HubError>((plan, hub.nodes_for_plan_seen(plan).await?)) }
            })
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>();
        let leases = self.hub.leases_for_provider_seen(&self.provider);
        let (links, leases) = futures::try_join!(links, leases)?;
        height = leases.height.map_or(height, |seen| seen.min(height));
        let leases = leases.value.iter().map(lease).collect::<Result<BTreeMap<_, _>, _>>()?;
        let provider = self.provider(!leases.is_empty()).await?;
        let (mut plans, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for (plan, linked) in links {
            let Some(active) = self.is_active(plan).await? else { continue };
            height = linked.height.map_or(height, |seen| seen.min(height));
            let mut links = BTreeSet::new();
            for node in &linked.value {
                let address = address(&node.address)?;
                links.insert(address);
                nodes.insert(address, self.node(node));
            }
            plans.insert(plan, PlanState { active, links });
        }
        let unknown = wanted.iter().chain(leases.keys()).filter(|node| !nodes.contains_key(*node)).copied();
        for node in self.nodes(unknown.collect()).await? {
            nodes.insert(address(&node.address)?, self.node(&node));
        }
        Ok(Ledger { height, time, provider, plans, leases, nodes })
    }
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lease(lease: &Lease) -> Result<(NodeAddress, LeaseState), LedgerError> {
    let price = lease.price.as_ref().and_then(read_price);
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
    Ok((address(&lease.node_address)?, state))
}

fn read_price(price: &WirePrice) -> Option<Price> {
    Some(Price { base: price.base_value.parse().ok()?, quote: price.quote_value.parse().ok()? })
}

fn address(text: &str) -> Result<NodeAddress, LedgerError> {
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
    fn the_time_neither_goes_back_nor_stands_still_for_long() {
        let config = HubConfig {
            grpc_addrs: vec!["127.0.0.1:1".to_owned()],
            chain_id: "chain-1".to_owned(),
            timeout: KEPT,
        };
        let provider = ProviderAddress::new([1; 20]);
        let ledger = HubLedger::new(HubClient::new(config).unwrap(), provider, &[], "udvpn");
        let now = 1_800_000_000;
        assert_eq!(ledger.accept(now - STILL, now).unwrap(), now - STILL);
        assert!(ledger.accept(now - STILL - 1, now).is_err());
        assert_eq!(ledger.accept(now, now).unwrap(), now);
        assert_eq!(ledger.accept(now - BEHIND, now).unwrap(), now - BEHIND);
        assert!(ledger.accept(now - BEHIND - 1, now).is_err());
        // What was refused changed nothing.
        assert_eq!(ledger.accept(now + 6, now).unwrap(), now + 6);
    }
}
