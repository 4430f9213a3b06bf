//! Fixture: registry, hub and clock, with the hub's rules for each message.

use std::collections::BTreeMap;

use alloy::primitives::{B256, U256};
use sentinel_proto::address::NodeAddress;

use crate::ledger::{LeaseState, Ledger, NodeOnHub, PlanState, Price, ProviderState};
use crate::policy::{Governed, TEMPLATE};
use crate::reconcile::{Action, Decision, ReconcileInput, ReconcileState, reconcile};
use crate::standing::{NodeStanding, Parameters, SettledBlock, Standings};

pub(super) const HOUR: u64 = 3600;
pub(super) const START: u64 = 1_800_000_000;

pub(super) fn node(number: u8) -> NodeAddress {
    NodeAddress::new([number; 20])
}

pub(super) fn price(quote: u128) -> Price {
    Price { base: 0, quote }
}

/// Returns a standing without fault.
pub(super) fn good() -> NodeStanding {
    NodeStanding { active: true, stake: U256::from(10), score: 500, blacklisted: false, since: 1 }
}

#[derive(Debug, Clone)]
pub(super) struct ReconcileFixture {
    pub(super) governed: Governed,
    pub(super) standings: Standings,
    pub(super) ledger: Ledger,
    pub(super) state: ReconcileState,
    /// Deposits that the hub took, with their time.
    pub(super) paid: Vec<(u64, u128)>,
    last_lease: u64,
}

impl ReconcileFixture {
    /// Creates plan 1, an empty registry, generous limits, a grace period of one hour and a dwell time of ten minutes.
    pub(super) fn new() -> Self {
        let mut governed: Governed = toml::from_str(TEMPLATE).unwrap();
        governed.standing.score_grace = std::time::Duration::from_secs(HOUR);
        governed.standing.min_dwell = std::time::Duration::from_secs(600);
        governed.limits.max_removed_percent = 100;
        governed.lease.max_hourly_price = 100;
        governed.lease.max_per_day = 1_000_000;
        let parameters = Parameters {
            paused: false,
            min_stake: U256::from(10),
            min_score: 300,
            config_hash: B256::ZERO,
            revision: 1,
        };
        let block = SettledBlock { number: 1, timestamp: START };
        let ledger = Ledger {
            height: 1,
            time: START,
            provider: ProviderState::Active,
            plans: BTreeMap::from([(1, PlanState { active: true, ..PlanState::default() })]),
            leases: BTreeMap::new(),
            nodes: BTreeMap::new(),
        };
        Self {
            governed,
            standings: Standings { block, parameters, nodes: BTreeMap::new() },
            ledger,
            state: ReconcileState::default(),
            paid: Vec::new(),
            last_lease: 0,
        }
    }

    /// Creates a fixture with `count` good nodes on both sides, numbered from 1.
    pub(super) fn with_nodes(count: u8) -> Self {
        let mut fixture = Self::new();
        for number in 1..=count {
            fixture.standings.nodes.insert(node(number), good());
            fixture.on_hub(number, 10);
        }
        fixture
    }

    pub(super) fn on_hub(&mut self, number: u8, quote: u128) {
        self.ledger.nodes.insert(node(number), NodeOnHub { active: true, hourly: Some(price(quote)) });
    }

    pub(super) fn standing(&mut self, number: u8) -> &mut NodeStanding {
        self.standings.nodes.get_mut(&node(number)).unwrap()
    }

    pub(super) fn lease(&mut self, number: u8) -> &mut LeaseState {
        self.ledger.leases.get_mut(&node(number)).unwrap()
    }

    pub(super) fn decide(&self, allow_removals: Option<usize>) -> Decision {
        let Self { governed, standings, ledger, state, .. } = self;
        reconcile(ReconcileInput { governed, standings, ledger, state, allow_removals })
    }

    /// Runs one round and applies its actions.
    pub(super) fn round(&mut self) -> Decision {
        self.round_with(None)
    }

    pub(super) fn round_with(&mut self, allow_removals: Option<usize>) -> Decision {
        let decision = self.decide(allow_removals);
        self.state = decision.next_state.clone();
        for step in &decision.steps {
            self.apply(&step.action);
        }
        decision
    }

    /// Applies a message as the hub does; a message that the hub would refuse fails the test.
    pub(super) fn apply(&mut self, action: &Action) {
        let now = self.ledger.time;
        match *action {
            Action::ActivatePlan { plan } => self.ledger.plans.get_mut(&plan).unwrap().active = true,
            Action::StartLease { node, hours, max_price } => {
                let price = self.charge(node, hours, max_price);
                assert!(!self.ledger.leases.contains_key(&node), "a second lease of {node}");
                self.last_lease += 1;
                let lease = LeaseState {
                    id: self.last_lease,
                    price,
                    hours,
                    paid: 0,
                    start: now,
                    renews: true,
                    always: true,
                };
                self.ledger.leases.insert(node, lease);
            }
            Action::RenewLease { lease, node, hours, max_price } => {
                let price = self.charge(node, hours, max_price);
                let present = self.ledger.leases.get_mut(&node).unwrap();
                assert!(present.id == lease && present.renews);
                *present = LeaseState { price, hours, paid: 0, start: now, ..present.clone() };
            }
            Action::SetRenewal { lease, node, renews } => {
                let present = self.ledger.leases.get_mut(&node).unwrap();
                assert_eq!(present.id, lease);
                (present.renews, present.always) = (renews, renews);
            }
            Action::EndLease { lease, node } => {
                assert_eq!(self.ledger.leases[&node].id, lease);
                self.drop_lease(node);
            }
            Action::Link { plan, node } => {
                assert!(self.ledger.leases.contains_key(&node), "{node} is linked without a lease");
                assert!(self.ledger.plans.get_mut(&plan).unwrap().links.insert(node), "linked twice");
            }
            Action::Unlink { plan, node } => {
                assert!(self.ledger.plans.get_mut(&plan).unwrap().links.remove(&node), "was not linked");
            }
        }
    }

    fn charge(&mut self, node: NodeAddress, hours: u32, max_price: Price) -> Price {
        assert_eq!(self.ledger.provider, ProviderState::Active);
        let on_hub = self.ledger.nodes[&node];
        let price = on_hub.hourly.unwrap();
        assert!(on_hub.active && price.quote <= max_price.quote && price.base <= max_price.base);
        self.paid.push((self.ledger.time, price.quote * u128::from(hours)));
        price
    }

    fn drop_lease(&mut self, node: NodeAddress) {
        self.ledger.leases.remove(&node);
        for plan in self.ledger.plans.values_mut() {
            plan.links.remove(&node);
        }
    }

    /// Advances the hub's time: ended leases renew at the same price or less, or are dropped.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.ledger.time += seconds;
        self.ledger.height += seconds / 6;
        let ended: Vec<_> =
            self.ledger.leases.iter().filter(|(_, lease)| lease.ends() <= self.ledger.time).collect();
        let ended: Vec<_> = ended.into_iter().map(|(&node, lease)| (node, lease.clone())).collect();
        for (node, lease) in ended {
            let on_hub = self.ledger.nodes.get(&node).copied();
            let price = on_hub.filter(|node| node.active).and_then(|node| node.hourly);
            match price.filter(|price| lease.renews && price.quote <= lease.price.quote) {
                Some(price) => {
                    let start = lease.ends();
                    self.paid.push((start, price.quote * u128::from(lease.hours)));
                    self.ledger.leases.insert(node, LeaseState { price, start, paid: 0, ..lease });
                }
                None => self.drop_lease(node),
            }
        }
    }

    /// Makes the node inactive on the hub, which ends its leases without a transaction.
    pub(super) fn goes_inactive(&mut self, number: u8) {
        self.ledger.nodes.get_mut(&node(number)).unwrap().active = false;
        self.drop_lease(node(number));
    }

    pub(super) fn links(&self) -> Vec<NodeAddress> {
        self.ledger.plans[&1].links.iter().copied().collect()
    }

    pub(super) fn is_linked(&self, number: u8) -> bool {
        self.ledger.plans[&1].links.contains(&node(number))
    }

    /// Returns the deposits of the last 24 hours.
    pub(super) fn paid_last_day(&self) -> u128 {
        let since = self.ledger.time.saturating_sub(24 * HOUR);
        self.paid.iter().filter(|(at, _)| *at > since).map(|(_, amount)| amount).sum()
    }
}
