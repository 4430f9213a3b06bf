//! Delegations at delegate.xyz, good and bad.

use alloy::primitives::{Address, B256, U256};
use sovereign_contracts::delegate_registry;
use sovereign_contracts::delegate_registry::IDelegateRegistry::{delegateERC20Call, delegateERC721Call};
use sovereign_gate::access::{Tier, Via};

use crate::town::*;

const FULL: B256 = B256::ZERO;
const VIA: Option<Via> = Some(Via::DelegateXyz);

async fn both(town: &Town, hot: Address, vault: Address) -> [(Tier, Option<Via>, Option<Address>); 2] {
    [gist(&town.ask(hot).await), gist(&town.ask_naming(hot, vault).await)]
}

#[tokio::test]
async fn accepts_kinds_and_rights_that_count() {
    let town = Town::open().await;
    for kind in 0..5 {
        let (vault, hot) = (town.holder_of(THIS_CARD).await, town.somebody());
        match kind {
            0 => town.xyz_all(vault, hot, FULL, true).await,
            1 => town.xyz_contract(vault, hot, town.memes, FULL).await,
            2 => town.xyz_card(vault, hot, town.memes, THIS_CARD, 1).await,
            3 => town.xyz_all(vault, hot, RIGHT, true).await,
            _ => town.xyz_contract(vault, hot, town.memes, RIGHT).await,
        }
        assert_eq!(both(&town, hot, vault).await, [(Tier::Free, VIA, Some(vault)); 2], "kind {kind}");
    }
}

#[tokio::test]
async fn rejects_other_kinds_rights_contracts_and_tokens() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(THIS_CARD).await, town.somebody());
    let (other_right, gallery) = (B256::repeat_byte(1), Address::repeat_byte(0x44));
    town.xyz_all(vault, hot, other_right, true).await;
    town.xyz_contract(vault, hot, town.memes, other_right).await;
    town.xyz_contract(vault, hot, gallery, FULL).await;
    town.xyz_card(vault, hot, town.memes, 3, 1).await;
    town.xyz_card(vault, hot, gallery, THIS_CARD, 1).await;
    let registry = delegate_registry::CANONICAL;
    let (to, contract_, id) = (hot, town.memes, U256::from(THIS_CARD));
    town.act(vault, registry, &delegateERC721Call { to, contract_, tokenId: id, rights: FULL, enable: true })
        .await;
    town.act(vault, registry, &delegateERC20Call { to, contract_, rights: FULL, amount: U256::from(9) })
        .await;
    town.xyz_all(hot, vault, FULL, true).await;
    assert_eq!(both(&town, hot, vault).await, [DENIED; 2]);
}

#[tokio::test]
async fn follows_revocation_and_renewal() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(3).await, town.somebody());
    for enable in [true, false, true] {
        town.xyz_all(vault, hot, FULL, enable).await;
        let expected = if enable { (Tier::Paid, VIA, Some(vault)) } else { DENIED };
        assert_eq!(both(&town, hot, vault).await, [expected; 2], "enabled: {enable}");
    }
    town.xyz_all(vault, hot, FULL, false).await;
    town.xyz_card(vault, hot, town.memes, 3, 2).await;
    assert_eq!(both(&town, hot, vault).await, [(Tier::Paid, VIA, Some(vault)); 2]);
    town.xyz_card(vault, hot, town.memes, 3, 0).await;
    assert_eq!(both(&town, hot, vault).await, [DENIED; 2]);
}

/// Cards that no configuration names are found in what the vault gave out.
#[tokio::test]
async fn named_vault_counts_with_single_delegated_cards() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(3).await, town.somebody());
    town.give(vault, 4).await;
    town.xyz_card(vault, hot, town.memes, 4, 1).await;
    let told = town.ask_naming(hot, vault).await;
    assert_eq!((gist(&told), cards(&told)), ((Tier::Paid, VIA, Some(vault)), vec![4]));
}

#[tokio::test]
async fn delegation_at_6529_precedes_delegate_xyz() {
    let town = Town::open().await;
    let (vault, hot) = (town.holder_of(3).await, town.somebody());
    town.xyz_all(vault, hot, FULL, true).await;
    town.register(vault, hot, (town.memes, 1), FOREVER, None).await;
    assert_eq!(both(&town, hot, vault).await, [(Tier::Paid, Some(Via::Delegation), Some(vault)); 2]);
}

#[tokio::test]
async fn disabled_registries_are_not_asked() {
    let town = Town::open_with(|config| {
        (config.nft_delegation, config.delegate_registry) = (None, None);
    })
    .await;
    let (vault, hot) = (town.holder_of(3).await, town.somebody());
    town.xyz_all(vault, hot, FULL, true).await;
    town.register(vault, hot, (ALL, 1), FOREVER, None).await;
    assert_eq!(both(&town, hot, vault).await, [DENIED; 2]);
    assert_eq!(town.ask(vault).await.tier, Tier::Paid);
}
