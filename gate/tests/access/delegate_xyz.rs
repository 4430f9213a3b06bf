//! Valid and invalid delegations at delegate.xyz.

use alloy::primitives::{Address, B256, U256};
use sovereign_contracts::delegate_registry;
use sovereign_contracts::delegate_registry::IDelegateRegistry::{delegateERC20Call, delegateERC721Call};
use sovereign_gate::access::{Tier, Via};

use crate::fixture::*;

const FULL: B256 = B256::ZERO;
const VIA: Option<Via> = Some(Via::DelegateXyz);

async fn both(fixture: &Fixture, hot: Address, vault: Address) -> [(Tier, Option<Via>, Option<Address>); 2] {
    [outcome(&fixture.ask(hot).await), outcome(&fixture.ask_naming(hot, vault).await)]
}

#[tokio::test]
async fn accepts_kinds_and_rights_that_count() {
    let fixture = Fixture::start().await;
    for kind in 0..5 {
        let (vault, hot) = (fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
        match kind {
            0 => fixture.xyz_all(vault, hot, FULL, true).await,
            1 => fixture.xyz_contract(vault, hot, fixture.memes, FULL).await,
            2 => fixture.xyz_card(vault, hot, fixture.memes, THIS_CARD, 1).await,
            3 => fixture.xyz_all(vault, hot, RIGHT, true).await,
            _ => fixture.xyz_contract(vault, hot, fixture.memes, RIGHT).await,
        }
        assert_eq!(both(&fixture, hot, vault).await, [(Tier::Free, VIA, Some(vault)); 2], "kind {kind}");
    }
}

#[tokio::test]
async fn rejects_other_kinds_rights_contracts_and_tokens() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
    let (other_right, gallery) = (B256::repeat_byte(1), Address::repeat_byte(0x44));
    fixture.xyz_all(vault, hot, other_right, true).await;
    fixture.xyz_contract(vault, hot, fixture.memes, other_right).await;
    fixture.xyz_contract(vault, hot, gallery, FULL).await;
    fixture.xyz_card(vault, hot, fixture.memes, 3, 1).await;
    fixture.xyz_card(vault, hot, gallery, THIS_CARD, 1).await;
    let registry = delegate_registry::CANONICAL;
    let (to, contract_, id) = (hot, fixture.memes, U256::from(THIS_CARD));
    fixture
        .act(vault, registry, &delegateERC721Call { to, contract_, tokenId: id, rights: FULL, enable: true })
        .await;
    fixture
        .act(vault, registry, &delegateERC20Call { to, contract_, rights: FULL, amount: U256::from(9) })
        .await;
    fixture.xyz_all(hot, vault, FULL, true).await;
    assert_eq!(both(&fixture, hot, vault).await, [DENIED; 2]);
}

#[tokio::test]
async fn follows_revocation_and_renewal() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.fresh_wallet());
    for enable in [true, false, true] {
        fixture.xyz_all(vault, hot, FULL, enable).await;
        let expected = if enable { (Tier::Paid, VIA, Some(vault)) } else { DENIED };
        assert_eq!(both(&fixture, hot, vault).await, [expected; 2], "enabled: {enable}");
    }
    fixture.xyz_all(vault, hot, FULL, false).await;
    fixture.xyz_card(vault, hot, fixture.memes, 3, 2).await;
    assert_eq!(both(&fixture, hot, vault).await, [(Tier::Paid, VIA, Some(vault)); 2]);
    fixture.xyz_card(vault, hot, fixture.memes, 3, 0).await;
    assert_eq!(both(&fixture, hot, vault).await, [DENIED; 2]);
}

/// Single cards that no setting names are found in the outgoing delegations of the vault.
#[tokio::test]
async fn named_vault_counts_with_single_delegated_cards() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.fresh_wallet());
    fixture.give(vault, 4).await;
    fixture.xyz_card(vault, hot, fixture.memes, 4, 1).await;
    let answer = fixture.ask_naming(hot, vault).await;
    assert_eq!((outcome(&answer), cards(&answer)), ((Tier::Paid, VIA, Some(vault)), vec![4]));
}

#[tokio::test]
async fn delegation_at_6529_precedes_delegate_xyz() {
    let fixture = Fixture::start().await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.fresh_wallet());
    fixture.xyz_all(vault, hot, FULL, true).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(both(&fixture, hot, vault).await, [(Tier::Paid, Some(Via::Delegation), Some(vault)); 2]);
}

#[tokio::test]
async fn disabled_registries_are_not_asked() {
    let fixture = Fixture::start_with(|config| {
        (config.nft_delegation, config.delegate_registry) = (None, None);
    })
    .await;
    let (vault, hot) = (fixture.holder_of(3).await, fixture.fresh_wallet());
    fixture.xyz_all(vault, hot, FULL, true).await;
    fixture.register(vault, hot, (ALL, 1), FOREVER, None).await;
    assert_eq!(both(&fixture, hot, vault).await, [DENIED; 2]);
    assert_eq!(fixture.ask(vault).await.tier, Tier::Paid);
}
