//! Random scenarios compared with an independent implementation of the rule over plain lists. Failures print the seed.

use std::collections::{BTreeMap, HashSet};

use alloy::primitives::{Address, B256, U256};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sovereign_contracts::nft_delegation;
use sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall;
use sovereign_gate::access::{Tier, Via};

use crate::fixture::*;

const WORLDS: u64 = 60;
const ADDRESSES: usize = 3;
const STEPS: usize = 9;

/// (from, to, scope, use case) to rows of (expiry, token).
type Rows = BTreeMap<(Address, Address, Address, u64), Vec<(u64, Option<u64>)>>;

/// From, to, contract, token, rights.
type Grant = (Address, Address, Option<Address>, Option<u64>, B256);

/// All actions, as lists.
#[derive(Default)]
struct Ledger {
    cards: HashSet<(Address, u64)>,
    rows: Rows,
    /// (from, to, contract or none, card or none, right) at delegate.xyz.
    grants: HashSet<Grant>,
}

impl Ledger {
    fn active(
        &self,
        from: Address,
        to: Address,
        memes: Address,
        cases: &[u64],
        now: u64,
    ) -> Vec<Option<u64>> {
        let scoped = self.rows.iter().filter(|((f, t, scope, case), _)| {
            *f == from && *t == to && [memes, ALL].contains(scope) && cases.contains(case)
        });
        scoped
            .flat_map(|(_, rows)| rows)
            .filter(|(expiry, _)| *expiry > now)
            .map(|(_, token)| *token)
            .collect()
    }

    /// Ways in which `wallet` may use card `id` of `vault`, best first.
    fn ways(&self, wallet: Address, vault: Address, id: u64, memes: Address, now: u64) -> Vec<Via> {
        let covers =
            |tokens: &[Option<u64>]| tokens.iter().any(|token| token.is_none_or(|token| token == id));
        let mutual = !self.active(wallet, vault, memes, &[999], now).is_empty();
        let consolidated = mutual && covers(&self.active(vault, wallet, memes, &[999], now));
        let delegated = covers(&self.active(vault, wallet, memes, &[1, 9], now));
        let granted = self.grants.iter().any(|(from, to, contract, card, right)| {
            (*from, *to) == (vault, wallet)
                && contract.is_none_or(|contract| contract == memes)
                && card.is_none_or(|card| card == id)
                && [B256::ZERO, RIGHT].contains(right)
        });
        let ways =
            [(consolidated, Via::Consolidation), (delegated, Via::Delegation), (granted, Via::DelegateXyz)];
        ways.into_iter().filter_map(|(holds, via)| holds.then_some(via)).collect()
    }

    fn expected(&self, wallet: Address, memes: Address, now: u64) -> (Tier, Option<Via>) {
        let tier = |id| if id == THIS_CARD { Tier::Free } else { Tier::Paid };
        let usable = self.cards.iter().flat_map(|&(holder, id)| {
            let ways =
                if holder == wallet { vec![Via::Own] } else { self.ways(wallet, holder, id, memes, now) };
            ways.into_iter().map(move |via| (tier(id), std::cmp::Reverse(via)))
        });
        usable.max().map_or((Tier::Denied, None), |(tier, via)| (tier, Some(via.0)))
    }
}

/// Generator of one scenario.
pub(crate) struct ScenarioRunner<'a> {
    fixture: &'a Fixture,
    random: StdRng,
    pub(crate) addresses: Vec<Address>,
    ledger: Ledger,
    now: u64,
}

impl<'a> ScenarioRunner<'a> {
    /// Runs the scenario of this seed with fresh addresses.
    pub(crate) async fn run(fixture: &'a Fixture, seed: u64) -> Self {
        let addresses = (0..ADDRESSES).map(|_| fixture.fresh_wallet()).collect();
        let now = fixture.chain.now().await.unwrap();
        let random = StdRng::seed_from_u64(seed);
        let mut runner = Self { fixture, random, addresses, ledger: Ledger::default(), now };
        for _ in 0..STEPS {
            runner.step().await;
        }
        runner
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *from.choose(&mut self.random).unwrap()
    }

    async fn step(&mut self) {
        let (from, to) = (self.pick(&self.addresses.clone()), self.pick(&self.addresses.clone()));
        match self.random.random_range(0..12) {
            0..2 => {
                let id = self.pick(&[1, 2, THIS_CARD]);
                self.fixture.give(from, id).await;
                self.ledger.cards.insert((from, id));
            }
            2..6 => self.register(from, to, &[1, 9, 2, 998, 999]).await,
            6..9 => {
                self.register(from, to, &[999]).await;
                self.register(to, from, &[999]).await;
            }
            9 => self.revoke(from, to).await,
            _ => self.grant(from, to).await,
        }
    }

    async fn register(&mut self, from: Address, to: Address, cases: &[u64]) {
        let scope =
            self.pick(&[self.fixture.memes, self.fixture.memes, ALL, ALL, Address::repeat_byte(0x44)]);
        let case = self.pick(cases);
        let expiry = self.pick(&[FOREVER, FOREVER, self.now + 1_000_000, self.now, 0]);
        let token = self.pick(&[None, None, None, Some(1), Some(THIS_CARD)]);
        self.fixture.register(from, to, (scope, case), expiry, token).await;
        self.ledger.rows.entry((from, to, scope, case)).or_default().push((expiry, token));
    }

    async fn revoke(&mut self, from: Address, to: Address) {
        let keys = self.ledger.rows.keys().filter(|key| key.0 == from).copied().collect::<Vec<_>>();
        let Some(&(from, to, collection, case)) = keys.choose(&mut self.random) else {
            return self.grant(from, to).await;
        };
        let call = revokeDelegationAddressCall { collection, delegate: to, useCase: U256::from(case) };
        self.fixture.act(from, nft_delegation::MAINNET, &call).await;
        self.ledger.rows.remove(&(from, to, collection, case));
    }

    async fn grant(&mut self, from: Address, to: Address) {
        let right = self.pick(&[B256::ZERO, RIGHT, B256::repeat_byte(1)]);
        let contract = self.pick(&[self.fixture.memes, self.fixture.memes, Address::repeat_byte(0x44)]);
        let enable = self.random.random_bool(0.8);
        let grant = match self.random.random_range(0..3) {
            0 => {
                self.fixture.xyz_all(from, to, right, enable).await;
                (from, to, None, None, right)
            }
            1 => {
                self.fixture.xyz_contract(from, to, contract, right).await;
                self.ledger.grants.insert((from, to, Some(contract), None, right));
                return;
            }
            _ => {
                let id = self.pick(&[1, 2, THIS_CARD]);
                self.fixture.xyz_card(from, to, contract, id, u64::from(enable)).await;
                (from, to, Some(contract), Some(id), B256::ZERO)
            }
        };
        if enable {
            self.ledger.grants.insert(grant);
        } else {
            self.ledger.grants.remove(&grant);
        }
    }
}

#[tokio::test]
async fn random_scenarios_match_the_summary_of_the_rule() {
    let fixture = Fixture::start().await;
    let mut seen = BTreeMap::new();
    for seed in 0..WORLDS {
        let runner = ScenarioRunner::run(&fixture, seed).await;
        let now = fixture.chain.now().await.unwrap();
        for &wallet in &runner.addresses {
            let expected = runner.ledger.expected(wallet, fixture.memes, now);
            let answer = fixture.ask(wallet).await;
            assert_eq!((answer.tier, answer.via), expected, "seed {seed}, wallet {wallet}");
            for &vault in &runner.addresses {
                // A named vault that gives the best tier ends the search, so another one may have a shorter way.
                let named = fixture.ask_naming(wallet, vault).await;
                let (tier, via) = expected;
                assert_eq!(named.tier, tier, "seed {seed}, wallet {wallet}, vault {vault} named");
                if named.vault == Some(vault) && tier == Tier::Free {
                    let ways = runner.ledger.ways(wallet, vault, THIS_CARD, fixture.memes, now);
                    assert_eq!(
                        named.via,
                        ways.first().copied(),
                        "seed {seed}, wallet {wallet}, vault {vault}"
                    );
                } else {
                    assert_eq!(named.via, via, "seed {seed}, wallet {wallet}, vault {vault} named");
                }
            }
            *seen.entry(expected).or_insert(0) += 1;
        }
    }
    for via in [Via::Own, Via::Consolidation, Via::Delegation, Via::DelegateXyz] {
        for tier in [Tier::Paid, Tier::Free] {
            assert!(seen.contains_key(&(tier, Some(via))), "no scenario with {tier:?} by {via:?}: {seen:?}");
        }
    }
}
