//! Compares the contract's decision with the gate's for the same scenarios on the same chain.

use std::collections::BTreeSet;
use std::ops::Range;

use alloy::primitives::U256;
use futures::StreamExt as _;
use sovereign_contracts::dev::{Deployment, DeploymentPlan};
use sovereign_contracts::system::AccessPolicy;
use sovereign_gate::access::{Tier, Via};

use crate::fixture::*;
use crate::random_scenarios::ScenarioRunner;

const WORLDS: u64 = 1000;
/// Maximum scenarios per chain: a chain gets slower with each block.
const ON_ONE_CHAIN: u64 = 125;
/// Concurrent chains: a scenario mostly waits for blocks.
const CONCURRENT_CHAINS: usize = 4;

/// Ways of the entitled wallets.
type Seen = BTreeSet<(Tier, Option<Via>)>;

#[tokio::test]
async fn contract_and_gate_give_the_same_decision() {
    let chains = (0..WORLDS).step_by(usize::try_from(ON_ONE_CHAIN).unwrap());
    let played = futures::stream::iter(chains.map(|first| alike(first..WORLDS.min(first + ON_ONE_CHAIN))));
    let seen = played.buffer_unordered(CONCURRENT_CHAINS).collect::<Vec<_>>().await;
    let seen: Seen = seen.into_iter().flatten().collect();
    // All four ways with both tiers, and a denial.
    assert_eq!(seen.len(), 9, "{seen:?}");
}

/// Runs the scenarios of these seeds on a separate chain.
async fn alike(seeds: Range<u64>) -> Seen {
    let fixture = Fixture::start().await;
    let Deployment { chain, system, .. } =
        Deployment::make(&fixture.chain, DeploymentPlan::local(fixture.memes)).await.unwrap();
    let policy = system.access_policy;
    let this_card = AccessPolicy::setThisCardTokenIdCall { tokenId: U256::from(THIS_CARD) };
    chain.call(system.timelock, policy, &this_card).await.unwrap();
    let rights = AccessPolicy::setRightsCall { rights: vec![RIGHT] };
    chain.call(system.timelock, policy, &rights).await.unwrap();

    let mut seen = Seen::new();
    for seed in seeds {
        let runner = ScenarioRunner::run(&fixture, seed).await;
        for &wallet in &runner.addresses {
            let answer = fixture.ask(wallet).await;
            let call = AccessPolicy::checkWithDelegationCall { wallet };
            let said = chain.view(policy, &call).await.unwrap();
            let expected = (answer.tier != Tier::Denied, answer.tier == Tier::Free);
            assert_eq!((said.access, said.free), expected, "seed {seed}, wallet {wallet}: {answer:?}");
            if let Some(vault) = answer.vault {
                let call = AccessPolicy::checkWithVaultCall { wallet, vault };
                let said = chain.view(policy, &call).await.unwrap();
                assert_eq!((said.access, said.free), expected, "seed {seed}, wallet {wallet}, vault {vault}");
            }
            seen.insert((answer.tier, answer.via));
        }
    }
    seen
}
