//! Generator of random scenarios from a seed.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::SolCall;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sovereign_contracts::delegate_registry;
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    delegateAllCall, delegateContractCall, delegateERC1155Call,
};
use sovereign_contracts::nft_delegation;
use sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall;

use crate::fixture::*;

const ADDRESSES: u64 = 4;
const STEPS: usize = 14;
const OTHER_CONTRACT: Address = Address::repeat_byte(0x44);

/// An action: as input of the oracle and as a transaction.
pub(super) struct Step {
    oracle_input: Value,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) data: Bytes,
}

/// A few addresses and their actions.
pub(super) struct Scenario {
    pub(super) seed: u64,
    /// A wallet and the vault that its query names.
    pub(super) named: (Address, Address),
    pub(super) addresses: Vec<Address>,
    pub(super) steps: Vec<Step>,
}

struct ScenarioGenerator<'a> {
    fixture: &'a Fixture,
    random: StdRng,
    addresses: Vec<Address>,
    steps: Vec<Step>,
    /// Time of the block of all actions.
    now: u64,
}

impl Scenario {
    pub(super) fn random(fixture: &Fixture, seed: u64, now: u64) -> Self {
        let address = |n: u64| Address::from_word(keccak256(format!("address {n} of scenario {seed}")));
        let addresses: Vec<_> = (0..ADDRESSES).map(address).collect();
        let mut generator = ScenarioGenerator {
            fixture,
            random: StdRng::seed_from_u64(seed),
            addresses: addresses.clone(),
            steps: vec![],
            now,
        };
        while generator.steps.len() < STEPS {
            generator.step();
        }
        let named = (generator.pick(&addresses), generator.pick(&addresses));
        Self { seed, named, addresses, steps: generator.steps }
    }

    pub(super) fn oracle_input(&self, fixture: &Fixture, now: u64) -> Value {
        let steps: Vec<_> = self.steps.iter().map(|step| &step.oracle_input).collect();
        json!({ "memes": fixture.memes, "all": ALL, "now": now, "this_card": THIS_CARD, "use_cases": [1, 9],
            "rights": [B256::ZERO, RIGHT], "addresses": self.addresses, "steps": steps })
    }
}

impl ScenarioGenerator<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *from.choose(&mut self.random).unwrap()
    }

    fn step(&mut self) {
        let addresses = self.addresses.clone();
        let (from, to) = (self.pick(&addresses), self.pick(&addresses));
        match self.random.random_range(0..12) {
            0..2 => self.give(to),
            2..6 => self.register(from, to, &[1, 1, 9, 9, 2, 15, 998, 999]),
            6..9 => {
                self.register(from, to, &[999]);
                self.register(to, from, &[999]);
            }
            9 => self.revoke(),
            _ => self.grant(from, to),
        }
    }

    fn act<C: SolCall>(&mut self, oracle_input: Value, from: Address, to: Address, call: &C) {
        self.steps.push(Step { oracle_input, from, to, data: call.abi_encode().into() });
    }

    fn give(&mut self, to: Address) {
        let card = self.pick(&[1, 2, THIS_CARD]);
        let oracle_input = json!({ "do": "give", "to": to, "card": card });
        let call = IMint::mintCall { to, id: U256::from(card), amount: U256::from(1) };
        self.act(oracle_input, DEPLOYER, self.fixture.memes, &call);
    }

    fn register(&mut self, from: Address, to: Address, cases: &[u64]) {
        let memes = self.fixture.memes;
        let collection = self.pick(&[memes, memes, ALL, ALL, OTHER_CONTRACT]);
        let use_case = self.pick(cases);
        let expiry = self.pick(&[FOREVER, FOREVER, self.now + 1, self.now, self.now - 1, 0]);
        let token = self.pick(&[None, None, None, Some(1), Some(THIS_CARD)]);
        let oracle_input = json!({ "do": "register", "from": from, "to": to, "collection": collection,
            "use_case": use_case, "expiry": expiry, "token": token });
        let call = registration(to, (collection, use_case), expiry, token);
        self.act(oracle_input, from, nft_delegation::MAINNET, &call);
    }

    /// Only existing registrations can be revoked.
    fn revoke(&mut self) {
        let (mut there, mut gone) = (BTreeMap::new(), Vec::new());
        for step in &self.steps {
            let oracle_input = &step.oracle_input;
            let key =
                json!([oracle_input["to"], oracle_input["collection"], oracle_input["use_case"]]).to_string();
            match oracle_input["do"].as_str() {
                Some("register") => drop(there.insert((step.from, key), oracle_input.clone())),
                Some("revoke") => gone.push((step.from, key)),
                _ => {}
            }
        }
        there.retain(|key, _| !gone.contains(key));
        let there: Vec<_> = there.into_iter().map(|((from, _), oracle_input)| (from, oracle_input)).collect();
        let Some((from, row)) = there.choose(&mut self.random).cloned() else { return };
        let address = |name: &str| row[name].as_str().unwrap().parse::<Address>().unwrap();
        let (collection, to) = (address("collection"), address("to"));
        let oracle_input = json!({ "do": "revoke", "from": from, "to": to, "collection": collection,
            "use_case": row["use_case"] });
        let use_case = U256::from(row["use_case"].as_u64().unwrap());
        let call = revokeDelegationAddressCall { collection, delegate: to, useCase: use_case };
        self.act(oracle_input, from, nft_delegation::MAINNET, &call);
    }

    fn grant(&mut self, from: Address, to: Address) {
        let memes = self.fixture.memes;
        let rights = self.pick(&[B256::ZERO, RIGHT, B256::repeat_byte(1)]);
        let contract_ = self.pick(&[memes, memes, OTHER_CONTRACT]);
        let card = self.pick(&[1, 2, THIS_CARD]);
        let enable = self.random.random_bool(0.75);
        let oracle_input = |contract: Option<Address>, card: Option<u64>| {
            json!({ "do": "grant", "from": from, "to": to, "contract": contract, "card": card,
                "right": rights, "enable": enable })
        };
        let registry = delegate_registry::CANONICAL;
        match self.random.random_range(0..3) {
            0 => self.act(oracle_input(None, None), from, registry, &delegateAllCall { to, rights, enable }),
            1 => {
                let call = delegateContractCall { to, contract_, rights, enable };
                self.act(oracle_input(Some(contract_), None), from, registry, &call);
            }
            _ => {
                let (id, amount) = (U256::from(card), U256::from(u64::from(enable)));
                let call = delegateERC1155Call { to, contract_, tokenId: id, rights, amount };
                self.act(oracle_input(Some(contract_), Some(card)), from, registry, &call);
            }
        }
    }
}

alloy::sol! {
    interface IMint {
        function mint(address to, uint256 id, uint256 amount) external;
    }
}
