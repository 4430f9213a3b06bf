//! Random worlds: who does what, from a seed.

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

use crate::town::*;

const PEOPLE: u64 = 4;
const STEPS: usize = 14;
const ELSEWHERE: Address = Address::repeat_byte(0x44);

/// What somebody does: as the oracle is told, and as a transaction.
pub(super) struct Step {
    told: Value,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) data: Bytes,
}

/// A few people and what they do.
pub(super) struct World {
    pub(super) seed: u64,
    /// Somebody, and whom he names as his vault.
    pub(super) named: (Address, Address),
    pub(super) people: Vec<Address>,
    pub(super) steps: Vec<Step>,
}

struct Author<'a> {
    town: &'a Town,
    random: StdRng,
    people: Vec<Address>,
    steps: Vec<Step>,
    /// Time of the block in which it all happens.
    now: u64,
}

impl World {
    pub(super) fn random(town: &Town, seed: u64, now: u64) -> Self {
        let person = |n: u64| Address::from_word(keccak256(format!("person {n} of world {seed}")));
        let people: Vec<_> = (0..PEOPLE).map(person).collect();
        let mut author =
            Author { town, random: StdRng::seed_from_u64(seed), people: people.clone(), steps: vec![], now };
        while author.steps.len() < STEPS {
            author.step();
        }
        let named = (author.pick(&people), author.pick(&people));
        Self { seed, named, people, steps: author.steps }
    }

    pub(super) fn told(&self, town: &Town, now: u64) -> Value {
        let steps: Vec<_> = self.steps.iter().map(|step| &step.told).collect();
        json!({ "memes": town.memes, "all": ALL, "now": now, "this_card": THIS_CARD, "use_cases": [1, 9],
            "rights": [B256::ZERO, RIGHT], "people": self.people, "steps": steps })
    }
}

impl Author<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *from.choose(&mut self.random).unwrap()
    }

    fn step(&mut self) {
        let people = self.people.clone();
        let (from, to) = (self.pick(&people), self.pick(&people));
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

    fn act<C: SolCall>(&mut self, told: Value, from: Address, to: Address, call: &C) {
        self.steps.push(Step { told, from, to, data: call.abi_encode().into() });
    }

    fn give(&mut self, to: Address) {
        let card = self.pick(&[1, 2, THIS_CARD]);
        let told = json!({ "do": "give", "to": to, "card": card });
        let call = IMint::mintCall { to, id: U256::from(card), amount: U256::from(1) };
        self.act(told, DEPLOYER, self.town.memes, &call);
    }

    fn register(&mut self, from: Address, to: Address, cases: &[u64]) {
        let memes = self.town.memes;
        let collection = self.pick(&[memes, memes, ALL, ALL, ELSEWHERE]);
        let use_case = self.pick(cases);
        let expiry = self.pick(&[FOREVER, FOREVER, self.now + 1, self.now, self.now - 1, 0]);
        let token = self.pick(&[None, None, None, Some(1), Some(THIS_CARD)]);
        let told = json!({ "do": "register", "from": from, "to": to, "collection": collection,
            "use_case": use_case, "expiry": expiry, "token": token });
        let call = registration(to, (collection, use_case), expiry, token);
        self.act(told, from, nft_delegation::MAINNET, &call);
    }

    /// Only what is there can be revoked.
    fn revoke(&mut self) {
        let (mut there, mut gone) = (BTreeMap::new(), Vec::new());
        for step in &self.steps {
            let told = &step.told;
            let key = json!([told["to"], told["collection"], told["use_case"]]).to_string();
            match told["do"].as_str() {
                Some("register") => drop(there.insert((step.from, key), told.clone())),
                Some("revoke") => gone.push((step.from, key)),
                _ => {}
            }
        }
        there.retain(|key, _| !gone.contains(key));
        let there: Vec<_> = there.into_iter().map(|((from, _), told)| (from, told)).collect();
        let Some((from, row)) = there.choose(&mut self.random).cloned() else { return };
        let address = |name: &str| row[name].as_str().unwrap().parse::<Address>().unwrap();
        let (collection, to) = (address("collection"), address("to"));
        let told = json!({ "do": "revoke", "from": from, "to": to, "collection": collection,
            "use_case": row["use_case"] });
        let use_case = U256::from(row["use_case"].as_u64().unwrap());
        let call = revokeDelegationAddressCall { collection, delegate: to, useCase: use_case };
        self.act(told, from, nft_delegation::MAINNET, &call);
    }

    fn grant(&mut self, from: Address, to: Address) {
        let memes = self.town.memes;
        let rights = self.pick(&[B256::ZERO, RIGHT, B256::repeat_byte(1)]);
        let contract_ = self.pick(&[memes, memes, ELSEWHERE]);
        let card = self.pick(&[1, 2, THIS_CARD]);
        let enable = self.random.random_bool(0.75);
        let told = |contract: Option<Address>, card: Option<u64>| {
            json!({ "do": "grant", "from": from, "to": to, "contract": contract, "card": card,
                "right": rights, "enable": enable })
        };
        let registry = delegate_registry::CANONICAL;
        match self.random.random_range(0..3) {
            0 => self.act(told(None, None), from, registry, &delegateAllCall { to, rights, enable }),
            1 => {
                let call = delegateContractCall { to, contract_, rights, enable };
                self.act(told(Some(contract_), None), from, registry, &call);
            }
            _ => {
                let (id, amount) = (U256::from(card), U256::from(u64::from(enable)));
                let call = delegateERC1155Call { to, contract_, tokenId: id, rights, amount };
                self.act(told(Some(contract_), Some(card)), from, registry, &call);
            }
        }
    }
}

alloy::sol! {
    interface IMint {
        function mint(address to, uint256 id, uint256 amount) external;
    }
}
