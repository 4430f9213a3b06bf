//! Random worlds against the rule as `oracle.py` tells it. The seed is printed on failure.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::SolCall;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use sovereign_contracts::delegate_registry;
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    delegateAllCall, delegateContractCall, delegateERC1155Call,
};
use sovereign_contracts::nft_delegation;
use sovereign_contracts::nft_delegation::INFTDelegation::{
    registerDelegationAddressCall, revokeDelegationAddressCall,
};
use sovereign_gate::access::{Entitlement, Tier};

use crate::town::*;

const WORLDS: u64 = 2_000;
/// Worlds whose steps are one block, and whose questions are asked at the same time.
const AT_ONCE: usize = 250;
const PEOPLE: u64 = 4;
const STEPS: usize = 14;
const ELSEWHERE: Address = Address::repeat_byte(0x44);

/// What somebody does: as the oracle is told, and as a transaction.
struct Step {
    told: Value,
    from: Address,
    to: Address,
    data: Bytes,
}

/// A few people and what they do.
struct World {
    seed: u64,
    /// Somebody, and whom he names as his vault.
    named: (Address, Address),
    people: Vec<Address>,
    steps: Vec<Step>,
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
    fn random(town: &Town, seed: u64, now: u64) -> Self {
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

    fn told(&self, town: &Town, now: u64) -> Value {
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
        let call = registerDelegationAddressCall {
            collection,
            delegate: to,
            expiry: U256::from(expiry),
            useCase: U256::from(use_case),
            allTokens: token.is_none(),
            tokenId: U256::from(token.unwrap_or_default()),
        };
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

/// What the oracle says of one world.
#[derive(Deserialize)]
struct Verdict {
    wallets: BTreeMap<Address, (String, Option<String>)>,
    /// `WALLET VAULT`: the best way to THIS card of that vault.
    free_by: BTreeMap<String, String>,
}

fn ask_oracle(worlds: &[Value]) -> Vec<Verdict> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access/oracle.py");
    let mut oracle = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("python3 is needed: {error}"));
    let mut input = oracle.stdin.take().unwrap();
    let worlds = worlds.to_vec();
    let writer = std::thread::spawn(move || worlds.iter().try_for_each(|world| writeln!(input, "{world}")));
    let output = oracle.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the oracle fails");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All steps of all worlds in one block at `now`. Those of one person keep their order, and no others matter.
async fn happen(town: &Town, worlds: &[World], now: u64) {
    town.chain.rpc("evm_setAutomine", json!([false])).await.unwrap();
    let used = town.chain.rpc("eth_getTransactionCount", json!([DEPLOYER, "latest"])).await.unwrap();
    let mut numbers = BTreeMap::from([(DEPLOYER, used.as_str().unwrap().parse::<U256>().unwrap())]);
    let steps = worlds.iter().flat_map(|world| &world.steps);
    let sent: Vec<_> = steps
        .map(|step| {
            // A batch is not worked off in order.
            let number = numbers.entry(step.from).or_default();
            let nonce = *number;
            *number += U256::from(1);
            let transaction = json!({ "from": step.from, "to": step.to, "data": step.data, "gas": "0x100000",
                "gasPrice": "0x0", "nonce": nonce });
            ("eth_sendTransaction", json!([transaction]))
        })
        .collect();
    let count = sent.len();
    for some in sent.chunks(500) {
        town.chain.batch(some).await.unwrap();
    }
    town.chain.mine_at(now).await.unwrap();
    town.chain.rpc("evm_setAutomine", json!([true])).await.unwrap();
    let receipts = town.chain.rpc("eth_getBlockReceipts", json!(["latest"])).await.unwrap();
    let receipts = receipts.as_array().unwrap();
    assert_eq!(receipts.len(), count, "not all of it is in the block");
    assert!(receipts.iter().all(|receipt| receipt["status"] == "0x1"), "something was reverted");
    assert_eq!(town.chain.now().await.unwrap(), now);
}

fn told(entitlement: &Entitlement) -> (String, Option<String>) {
    (entitlement.tier.name().to_owned(), entitlement.via.map(|via| via.name().to_owned()))
}

async fn compare(town: &Town, world: &World, verdict: &Verdict) {
    let seed = world.seed;
    for &wallet in &world.people {
        let expected = &verdict.wallets[&wallet];
        assert_eq!(told(&*town.ask(wallet).await), *expected, "seed {seed}, wallet {wallet}");
    }
    let (wallet, vault) = world.named;
    let expected = &verdict.wallets[&wallet];
    // A named vault that gives the best tier ends the search, so another may have a shorter way to it.
    let named = town.ask_naming(wallet, vault).await;
    let (tier, via) = told(&named);
    assert_eq!(tier, expected.0, "seed {seed}, wallet {wallet}, vault {vault} named");
    let shortcut = named.vault == Some(vault) && named.tier == Tier::Free;
    let best = verdict.free_by.get(&format!("{wallet:?} {vault:?}").to_lowercase());
    let expected = if shortcut { best } else { expected.1.as_ref() };
    assert_eq!(via.as_ref(), expected, "seed {seed}, wallet {wallet}, vault {vault} named");
}

#[tokio::test(flavor = "multi_thread")]
async fn random_worlds_are_judged_as_by_the_oracle() {
    let free = ["--gas-price", "0", "--block-base-fee-per-gas", "0", "--disable-block-gas-limit"];
    let town = Town::open_on(&free, THIS_CARD, |_| {}).await;
    town.chain.rpc("anvil_autoImpersonateAccount", json!([true])).await.unwrap();
    let mut seen = BTreeMap::new();
    for first in (0..WORLDS).step_by(AT_ONCE) {
        let now = town.chain.now().await.unwrap() + 100;
        let worlds: Vec<_> =
            (first..WORLDS).take(AT_ONCE).map(|seed| World::random(&town, seed, now)).collect();
        happen(&town, &worlds, now).await;
        let asked: Vec<_> = worlds.iter().map(|world| world.told(&town, now)).collect();
        let verdicts = ask_oracle(&asked);
        assert_eq!(verdicts.len(), worlds.len());
        for some in worlds.iter().zip(&verdicts).collect::<Vec<_>>().chunks(25) {
            futures::future::join_all(some.iter().map(|(world, verdict)| compare(&town, world, verdict)))
                .await;
        }
        for verdict in verdicts.into_iter().flat_map(|verdict| verdict.wallets.into_values()) {
            *seen.entry(verdict).or_insert(0_u32) += 1;
        }
    }
    for via in ["own", "6529-consolidation", "6529-delegation", "delegate.xyz"] {
        for tier in ["paid", "free"] {
            let key = (tier.to_owned(), Some(via.to_owned()));
            assert!(seen.contains_key(&key), "no world with {tier} by {via}: {seen:?}");
        }
    }
}
