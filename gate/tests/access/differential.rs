//! Random worlds against the rule as `oracle.py` tells it. The seed is printed on failure.

mod author;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use alloy::primitives::{Address, U256};
use serde::Deserialize;
use serde_json::{Value, json};
use sovereign_gate::access::{Basis, Question, Summary, Tier};

use self::author::World;
use crate::town::*;

const WORLDS: u64 = 2_000;
/// Chains with as many worlds each: what takes time is the chain's work, which one core does.
const CHAINS: u64 = 2;
/// Worlds whose steps are one block, and whose questions are asked at the same time.
const AT_ONCE: usize = 250;
/// How often each tier was told, and by which way.
type Seen = BTreeMap<(String, Option<String>), u32>;
/// Vault, way and tier of each basis.
type Bases = BTreeSet<(Option<Address>, String, String)>;

/// What the oracle says of one world.
#[derive(Deserialize)]
struct Verdict {
    /// The complete set of bases by the lists.
    listed: BTreeMap<Address, Bases>,
    /// The complete set of own bases and those of one vault, by the names of wallet and vault.
    named: BTreeMap<Address, BTreeMap<Address, Bases>>,
    /// The best of all.
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
    // Each step says something; receipts of a whole block would take the chain twenty seconds.
    let logs =
        town.chain.rpc("eth_getLogs", json!([{ "fromBlock": "latest", "toBlock": "latest" }])).await.unwrap();
    let done: BTreeSet<_> =
        logs.as_array().unwrap().iter().map(|log| log["transactionHash"].as_str().unwrap()).collect();
    assert_eq!(done.len(), count, "not all of it is in the block, or something was reverted");
    assert_eq!(town.chain.now().await.unwrap(), now);
}

fn told(summary: &Summary) -> (String, Option<String>) {
    (summary.tier.name().to_owned(), summary.via.map(|via| via.name().to_owned()))
}

/// The set, after a look at what a set does not tell: each basis comes once, and own ones come first.
fn set_of(bases: &[Basis]) -> Bases {
    let name = |basis: &Basis| (basis.vault, basis.via.name().to_owned(), basis.tier.name().to_owned());
    let set: Bases = bases.iter().map(name).collect();
    assert_eq!(set.len(), bases.len(), "a basis comes twice: {bases:?}");
    assert!(bases.is_sorted_by_key(|basis| basis.vault.is_some()), "own cards come first: {bases:?}");
    set
}

async fn compare(town: &Town, world: &World, verdict: &Verdict) {
    let seed = world.seed;
    for &wallet in &world.people {
        let expected = &verdict.wallets[&wallet];
        assert_eq!(told(&town.ask(wallet).await), *expected, "seed {seed}, wallet {wallet}");
        let listed = set_of(&town.bases(Question::Listed { wallet }).await);
        assert_eq!(listed, verdict.listed[&wallet], "seed {seed}, wallet {wallet}");
    }
    let (wallet, vault) = world.named;
    let named = set_of(&town.bases(Question::named(wallet, Some(vault))).await);
    assert_eq!(named, verdict.named[&wallet][&vault], "seed {seed}, wallet {wallet}, vault {vault}");
    let expected = &verdict.wallets[&wallet];
    // The lists are not asked when the named vault gives the best tier, and another may have a shorter way to it.
    let named = town.ask_naming(wallet, vault).await;
    let (tier, via) = told(&named);
    assert_eq!(tier, expected.0, "seed {seed}, wallet {wallet}, vault {vault} named");
    let shortcut = named.vault == Some(vault) && named.tier == Tier::Free;
    let best = verdict.free_by.get(&format!("{wallet:?} {vault:?}").to_lowercase());
    let expected = if shortcut { best } else { expected.1.as_ref() };
    assert_eq!(via.as_ref(), expected, "seed {seed}, wallet {wallet}, vault {vault} named");
}

/// Plays the worlds of these seeds on a chain of their own.
async fn judged_alike(seeds: Range<u64>) -> Seen {
    let free = ["--gas-price", "0", "--block-base-fee-per-gas", "0", "--disable-block-gas-limit"];
    let town = Town::open_on(&free, THIS_CARD, |_| {}).await;
    town.chain.rpc("anvil_autoImpersonateAccount", json!([true])).await.unwrap();
    let mut seen = Seen::new();
    for first in seeds.clone().step_by(AT_ONCE) {
        let now = town.chain.now().await.unwrap() + 100;
        let worlds: Vec<_> =
            (first..seeds.end).take(AT_ONCE).map(|seed| World::random(&town, seed, now)).collect();
        happen(&town, &worlds, now).await;
        let asked: Vec<_> = worlds.iter().map(|world| world.told(&town, now)).collect();
        let verdicts = ask_oracle(&asked);
        assert_eq!(verdicts.len(), worlds.len());
        for some in worlds.iter().zip(&verdicts).collect::<Vec<_>>().chunks(25) {
            futures::future::join_all(some.iter().map(|(world, verdict)| compare(&town, world, verdict)))
                .await;
        }
        for verdict in verdicts.into_iter().flat_map(|verdict| verdict.wallets.into_values()) {
            *seen.entry(verdict).or_default() += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn random_worlds_have_the_bases_of_the_oracle() {
    let share = WORLDS / CHAINS;
    let chains = (0..CHAINS).map(|chain| judged_alike(chain * share..(chain + 1) * share));
    let seen: Vec<_> = futures::future::join_all(chains).await;
    for via in ["own", "6529-consolidation", "6529-delegation", "delegate.xyz"] {
        for tier in ["paid", "free"] {
            let key = (tier.to_owned(), Some(via.to_owned()));
            assert!(
                seen.iter().any(|seen| seen.contains_key(&key)),
                "no world with {tier} by {via}: {seen:?}"
            );
        }
    }
}
