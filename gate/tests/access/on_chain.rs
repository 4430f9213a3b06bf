//! The contract's decision against the gate's own, over the same worlds on the same chain.

use std::collections::BTreeSet;
use std::ops::Range;

use alloy::primitives::U256;
use futures::StreamExt as _;
use sovereign_contracts::dev::{Deployment, Plan};
use sovereign_contracts::system::AccessPolicy;
use sovereign_gate::access::{Tier, Via};

use crate::town::*;
use crate::worlds::Player;

const WORLDS: u64 = 1000;
/// A chain gets slower with each block, so none has more worlds than this.
const ON_ONE_CHAIN: u64 = 125;
/// Chains at the same time: nearly all of a world is waiting for blocks.
const AT_ONCE: usize = 4;

/// In which ways somebody was entitled.
type Seen = BTreeSet<(Tier, Option<Via>)>;

#[tokio::test]
async fn contract_and_gate_give_the_same_decision() {
    let chains = (0..WORLDS).step_by(usize::try_from(ON_ONE_CHAIN).unwrap());
    let played = futures::stream::iter(chains.map(|first| alike(first..WORLDS.min(first + ON_ONE_CHAIN))));
    let seen = played.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let seen: Seen = seen.into_iter().flatten().collect();
    // Both tiers in all four ways, and nothing.
    assert_eq!(seen.len(), 9, "{seen:?}");
}

/// Plays the worlds of these seeds on a chain of their own.
async fn alike(seeds: Range<u64>) -> Seen {
    let town = Town::open().await;
    let Deployment { chain, system, .. } =
        Deployment::make(&town.chain, Plan::local(town.memes)).await.unwrap();
    let policy = system.access_policy;
    let this_card = AccessPolicy::setThisCardTokenIdCall { tokenId: U256::from(THIS_CARD) };
    chain.call(system.timelock, policy, &this_card).await.unwrap();
    let rights = AccessPolicy::setRightsCall { rights: vec![RIGHT] };
    chain.call(system.timelock, policy, &rights).await.unwrap();

    let mut seen = Seen::new();
    for seed in seeds {
        let player = Player::play(&town, seed).await;
        for &wallet in &player.people {
            let told = town.ask(wallet).await;
            let call = AccessPolicy::checkWithDelegationCall { wallet };
            let said = chain.view(policy, &call).await.unwrap();
            let expected = (told.tier != Tier::Denied, told.tier == Tier::Free);
            assert_eq!((said.access, said.free), expected, "seed {seed}, wallet {wallet}: {told:?}");
            if let Some(vault) = told.vault {
                let call = AccessPolicy::checkWithVaultCall { wallet, vault };
                let said = chain.view(policy, &call).await.unwrap();
                assert_eq!((said.access, said.free), expected, "seed {seed}, wallet {wallet}, vault {vault}");
            }
            seen.insert((told.tier, told.via));
        }
    }
    seen
}
