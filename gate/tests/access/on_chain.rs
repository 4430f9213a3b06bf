//! The contract's decision against the gate's own, over the same worlds on the same chain.

use std::collections::BTreeMap;

use alloy::primitives::U256;
use sovereign_contracts::dev::{Deployment, Plan};
use sovereign_contracts::system::AccessPolicy;
use sovereign_gate::access::Tier;

use crate::town::*;
use crate::worlds::Player;

/// Worlds in a usual run; the environment's `WORLDS` asks for more, which take about a second each.
const WORLDS: u64 = 150;

fn worlds() -> u64 {
    std::env::var("WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(WORLDS)
}

#[tokio::test]
async fn contract_and_gate_decide_alike() {
    let town = Town::open().await;
    let Deployment { chain, system, .. } =
        Deployment::make(&town.chain, Plan::local(town.memes)).await.unwrap();
    let policy = system.access_policy;
    let this_card = AccessPolicy::setThisCardTokenIdCall { tokenId: U256::from(THIS_CARD) };
    chain.call(system.timelock, policy, &this_card).await.unwrap();
    let rights = AccessPolicy::setRightsCall { rights: vec![RIGHT] };
    chain.call(system.timelock, policy, &rights).await.unwrap();

    let mut seen = BTreeMap::new();
    for seed in 0..worlds() {
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
            *seen.entry((told.tier, told.via)).or_insert(0) += 1;
        }
    }
    // Both tiers in all four ways, and nothing.
    assert_eq!(seen.len(), 9, "{seen:?}");
}
