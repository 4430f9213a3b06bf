//! Random scenarios compared with the rule in `oracle.py`. Failures print the seed.

mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use alloy::primitives::{Address, U256};
use serde::Deserialize;
use serde_json::{Value, json};
use sovereign_gate::access::{Basis, EntitlementQuery, Summary, Tier};

use self::scenario::Scenario;
use crate::fixture::*;

const SCENARIOS: u64 = 2_000;
/// Number of chains, each with this many scenarios: the chain's single-threaded work takes the time.
const CHAINS: u64 = 2;
/// Scenarios whose steps share one block and whose queries run concurrently.
const SCENARIOS_PER_BLOCK: usize = 250;
/// Number of answers by tier and way.
type Seen = BTreeMap<(String, Option<String>), u32>;
/// Vault, way and tier of each basis.
type Bases = BTreeSet<(Option<Address>, String, String)>;

/// Answer of the oracle for one scenario.
#[derive(Deserialize)]
struct Verdict {
    /// The complete set of bases by the lists.
    listed: BTreeMap<Address, Bases>,
    /// The complete set of own bases and those of one vault, by the names of wallet and vault.
    named: BTreeMap<Address, BTreeMap<Address, Bases>>,
    /// The best basis.
    wallets: BTreeMap<Address, (String, Option<String>)>,
    /// `WALLET VAULT`: the best way to THIS card of that vault.
    free_by: BTreeMap<String, String>,
}

fn ask_oracle(scenarios: &[Value]) -> Vec<Verdict> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access/oracle.py");
    let mut oracle = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("python3 is needed: {error}"));
    let mut input = oracle.stdin.take().unwrap();
    let scenarios = scenarios.to_vec();
    let writer =
        std::thread::spawn(move || scenarios.iter().try_for_each(|scenario| writeln!(input, "{scenario}")));
    let output = oracle.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the oracle fails");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Mines the steps of all scenarios in one block at `now`. Steps of one address keep their order; the order of the
/// others does not matter.
async fn mine_steps(fixture: &Fixture, scenarios: &[Scenario], now: u64) {
    fixture.chain.rpc("evm_setAutomine", json!([false])).await.unwrap();
    let used = fixture.chain.rpc("eth_getTransactionCount", json!([DEPLOYER, "latest"])).await.unwrap();
    let mut numbers = BTreeMap::from([(DEPLOYER, used.as_str().unwrap().parse::<U256>().unwrap())]);
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    let sent: Vec<_> = steps
        .map(|step| {
            // A batch does not execute in order.
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
        fixture.chain.batch(some).await.unwrap();
    }
    fixture.chain.mine_at(now).await.unwrap();
    fixture.chain.rpc("evm_setAutomine", json!([true])).await.unwrap();
    // Each step emits an event; reading the receipts of a whole block would take twenty seconds.
    let logs = fixture
        .chain
        .rpc("eth_getLogs", json!([{ "fromBlock": "latest", "toBlock": "latest" }]))
        .await
        .unwrap();
    let done: BTreeSet<_> =
        logs.as_array().unwrap().iter().map(|log| log["transactionHash"].as_str().unwrap()).collect();
    assert_eq!(done.len(), count, "not all of it is in the block, or something was reverted");
    assert_eq!(fixture.chain.now().await.unwrap(), now);
}

fn tier_and_way(summary: &Summary) -> (String, Option<String>) {
    (summary.tier.name().to_owned(), summary.via.map(|via| via.name().to_owned()))
}

/// Returns the set of bases, after checking what a set cannot show: no duplicates, own cards first.
fn basis_set(bases: &[Basis]) -> Bases {
    let name = |basis: &Basis| (basis.vault, basis.via.name().to_owned(), basis.tier.name().to_owned());
    let set: Bases = bases.iter().map(name).collect();
    assert_eq!(set.len(), bases.len(), "a basis comes twice: {bases:?}");
    assert!(bases.is_sorted_by_key(|basis| basis.vault.is_some()), "own cards come first: {bases:?}");
    set
}

async fn compare(fixture: &Fixture, scenario: &Scenario, verdict: &Verdict) {
    let seed = scenario.seed;
    for &wallet in &scenario.addresses {
        let expected = &verdict.wallets[&wallet];
        assert_eq!(tier_and_way(&fixture.ask(wallet).await), *expected, "seed {seed}, wallet {wallet}");
        let listed = basis_set(&fixture.bases(EntitlementQuery::Listed { wallet }).await);
        assert_eq!(listed, verdict.listed[&wallet], "seed {seed}, wallet {wallet}");
    }
    let (wallet, vault) = scenario.named;
    let named = basis_set(&fixture.bases(EntitlementQuery::named(wallet, Some(vault))).await);
    assert_eq!(named, verdict.named[&wallet][&vault], "seed {seed}, wallet {wallet}, vault {vault}");
    let expected = &verdict.wallets[&wallet];
    // The lists are not read if the named vault gives the best tier, and another vault may have a shorter way to it.
    let named = fixture.ask_naming(wallet, vault).await;
    let (tier, via) = tier_and_way(&named);
    assert_eq!(tier, expected.0, "seed {seed}, wallet {wallet}, vault {vault} named");
    let shortcut = named.vault == Some(vault) && named.tier == Tier::Free;
    let best = verdict.free_by.get(&format!("{wallet:?} {vault:?}").to_lowercase());
    let expected = if shortcut { best } else { expected.1.as_ref() };
    assert_eq!(via.as_ref(), expected, "seed {seed}, wallet {wallet}, vault {vault} named");
}

/// Runs the scenarios of these seeds on a separate chain.
async fn compare_scenarios(seeds: Range<u64>) -> Seen {
    let free = ["--gas-price", "0", "--block-base-fee-per-gas", "0", "--disable-block-gas-limit"];
    let fixture = Fixture::start_on(&free, THIS_CARD, |_| {}).await;
    fixture.chain.rpc("anvil_autoImpersonateAccount", json!([true])).await.unwrap();
    let mut seen = Seen::new();
    for first in seeds.clone().step_by(SCENARIOS_PER_BLOCK) {
        let now = fixture.chain.now().await.unwrap() + 100;
        let scenarios: Vec<_> = (first..seeds.end)
            .take(SCENARIOS_PER_BLOCK)
            .map(|seed| Scenario::random(&fixture, seed, now))
            .collect();
        mine_steps(&fixture, &scenarios, now).await;
        let inputs: Vec<_> = scenarios.iter().map(|scenario| scenario.oracle_input(&fixture, now)).collect();
        let verdicts = ask_oracle(&inputs);
        assert_eq!(verdicts.len(), scenarios.len());
        for some in scenarios.iter().zip(&verdicts).collect::<Vec<_>>().chunks(25) {
            futures::future::join_all(
                some.iter().map(|(scenario, verdict)| compare(&fixture, scenario, verdict)),
            )
            .await;
        }
        for verdict in verdicts.into_iter().flat_map(|verdict| verdict.wallets.into_values()) {
            *seen.entry(verdict).or_default() += 1;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn random_scenarios_match_the_bases_of_the_oracle() {
    let share = SCENARIOS / CHAINS;
    let chains = (0..CHAINS).map(|chain| compare_scenarios(chain * share..(chain + 1) * share));
    let seen: Vec<_> = futures::future::join_all(chains).await;
    for via in ["own", "6529-consolidation", "6529-delegation", "delegate.xyz"] {
        for tier in ["paid", "free"] {
            let key = (tier.to_owned(), Some(via.to_owned()));
            assert!(
                seen.iter().any(|seen| seen.contains_key(&key)),
                "no scenario with {tier} by {via}: {seen:?}"
            );
        }
    }
}
