//! Valid and invalid delegations and consolidations at 6529.

use alloy::primitives::{Address, U256};
use sovereign_contracts::nft_delegation;
use sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall;
use sovereign_gate::access::{Tier, Via};

use crate::fixture::*;

const DELEGATED: Option<Via> = Some(Via::Delegation);
const CONSOLIDATED: Option<Via> = Some(Via::Consolidation);

/// A vault with cards 3 and THIS one, and a hot wallet.
async fn vault_and_hot(fixture: &Fixture) -> (Address, Address) {
    let vault = fixture.holder_of(3).await;
    fixture.give(vault, THIS_CARD).await;
    (vault, fixture.fresh_wallet())
}

#[tokio::test]
async fn accepts_delegations_for_collection_or_all_until_expiry() {
    let fixture = Fixture::start().await;
    let soon = fixture.chain.now().await.unwrap() + 10_000;
    for (scope, expiry) in
        [((fixture.memes, 1), FOREVER), ((fixture.memes, 9), soon), ((ALL, 1), soon), ((ALL, 9), FOREVER)]
    {
        let (vault, hot) = vault_and_hot(&fixture).await;
        fixture.register(vault, hot, scope, expiry, None).await;
        let answer = fixture.ask(hot).await;
        assert_eq!(outcome(&answer), (Tier::Free, DELEGATED, Some(vault)), "{scope:?}");
        assert_eq!(cards(&answer), [THIS_CARD, 3]);
        assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), outcome(&answer), "named");
    }
}

/// Expired rows stay in the contract, before their replacements.
#[tokio::test]
async fn renewed_delegation_counts_behind_expired_rows() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    for expired in [1, 2, 3] {
        fixture.register(vault, hot, (fixture.memes, 1), expired, None).await;
    }
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), (Tier::Free, DELEGATED, Some(vault)));
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), (Tier::Free, DELEGATED, Some(vault)), "named");
}

#[tokio::test]
async fn rejects_other_scopes_use_cases_tokens_and_directions() {
    let fixture = Fixture::start().await;
    let gallery = Address::repeat_byte(0x44);
    let (vault, hot) = vault_and_hot(&fixture).await;
    let now = fixture.chain.now().await.unwrap();
    for scope in [(gallery, 1), (fixture.memes, 2), (fixture.memes, 15), (ALL, 16), (ALL, 998)] {
        fixture.register(vault, hot, scope, FOREVER, None).await;
    }
    fixture.register(vault, hot, (fixture.memes, 1), now, None).await;
    fixture.register(vault, hot, (ALL, 1), 0, None).await;
    fixture.register(vault, hot, (fixture.memes, 9), FOREVER, Some(4)).await;
    // The reverse direction: an attempt to use the cards of another holder.
    fixture.register(hot, vault, (fixture.memes, 1), FOREVER, None).await;
    fixture.register(hot, vault, (ALL, 1), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED, "named");
    assert_eq!(outcome(&fixture.ask_naming(hot, Address::ZERO).await), DENIED, "the padding");
    assert_eq!(outcome(&fixture.ask_naming(hot, hot).await), DENIED, "itself");
}

#[tokio::test]
async fn delegation_ends_at_the_second_of_its_expiry() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    let end = fixture.chain.now().await.unwrap() + 1_000;
    fixture.register(vault, hot, (fixture.memes, 1), end, None).await;
    let left = end - fixture.chain.now().await.unwrap();
    fixture.chain.mine_after(left - 100).await.unwrap();
    while fixture.chain.now().await.unwrap() < end - 1 {
        assert_eq!(fixture.ask(hot).await.tier, Tier::Free);
        fixture.chain.mine_at(end - 1).await.unwrap();
    }
    assert_eq!(fixture.ask(hot).await.tier, Tier::Free, "one second before");
    fixture.chain.mine_at(end).await.unwrap();
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED, "at the second");
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn delegation_of_one_token_gives_that_token_only() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, Some(3)).await;
    let answer = fixture.ask(hot).await;
    assert_eq!((outcome(&answer), cards(&answer)), ((Tier::Paid, DELEGATED, Some(vault)), vec![3]));
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, Some(THIS_CARD)).await;
    for answer in [fixture.ask(hot).await, fixture.ask_naming(hot, vault).await] {
        assert_eq!((answer.tier, cards(&answer)), (Tier::Free, vec![THIS_CARD, 3]));
    }
}

#[tokio::test]
async fn revoked_delegation_gives_nothing() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(fixture.ask(hot).await.tier, Tier::Free);
    let revoke =
        revokeDelegationAddressCall { collection: fixture.memes, delegate: hot, useCase: U256::from(1) };
    fixture.act(vault, nft_delegation::MAINNET, &revoke).await;
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED);
}

#[tokio::test]
async fn lock_keeps_delegations_registered_before_it() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    alloy::sol! { function setGlobalLock(bool status) external; }
    fixture.act(hot, nft_delegation::MAINNET, &setGlobalLockCall { status: true }).await;
    assert_eq!(fixture.ask(hot).await.tier, Tier::Free);
}

#[tokio::test]
async fn consolidation_requires_both_sides() {
    let fixture = Fixture::start().await;
    for (vaults, hots) in
        [(fixture.memes, fixture.memes), (ALL, ALL), (fixture.memes, ALL), (ALL, fixture.memes)]
    {
        let (vault, hot) = vault_and_hot(&fixture).await;
        fixture.register(vault, hot, (vaults, 999), FOREVER, None).await;
        assert_eq!(outcome(&fixture.ask(hot).await), DENIED, "one-sided");
        assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED, "one-sided, named");
        fixture.register(hot, vault, (hots, 999), FOREVER, None).await;
        let expected = (Tier::Free, CONSOLIDATED, Some(vault));
        assert_eq!(outcome(&fixture.ask(hot).await), expected);
        assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), expected, "named");
    }
}

#[tokio::test]
async fn rejects_one_sided_and_expired_consolidation() {
    let fixture = Fixture::start().await;
    let now = fixture.chain.now().await.unwrap();
    let (vault, hot) = vault_and_hot(&fixture).await;
    fixture.register(hot, vault, (fixture.memes, 999), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED, "the wallet alone says so");
    fixture.register(vault, hot, (Address::repeat_byte(0x44), 999), FOREVER, None).await;
    fixture.register(vault, hot, (fixture.memes, 999), now, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED, "other collection, expired");
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn consolidation_precedes_delegation() {
    let fixture = Fixture::start().await;
    let (vault, hot) = vault_and_hot(&fixture).await;
    fixture.register(vault, hot, (fixture.memes, 1), FOREVER, None).await;
    fixture.register(vault, hot, (fixture.memes, 999), FOREVER, None).await;
    fixture.register(hot, vault, (fixture.memes, 999), FOREVER, None).await;
    assert_eq!(fixture.ask(hot).await.via, CONSOLIDATED);
}

#[tokio::test]
async fn delegations_do_not_chain() {
    let fixture = Fixture::start().await;
    let (vault, middle) = vault_and_hot(&fixture).await;
    let hot = fixture.fresh_wallet();
    fixture.register(vault, middle, (ALL, 1), FOREVER, None).await;
    fixture.register(middle, hot, (ALL, 1), FOREVER, None).await;
    assert_eq!(fixture.ask(middle).await.tier, Tier::Free);
    assert_eq!(outcome(&fixture.ask(hot).await), DENIED);
    assert_eq!(outcome(&fixture.ask_naming(hot, vault).await), DENIED, "named");
}

#[tokio::test]
async fn summary_shows_the_best_of_all_vaults() {
    let fixture = Fixture::start().await;
    let hot = fixture.holder_of(2).await;
    let (plain, best) = (fixture.holder_of(3).await, fixture.holder_of(THIS_CARD).await);
    fixture.register(plain, hot, (fixture.memes, 1), FOREVER, None).await;
    let answer = fixture.ask(hot).await;
    assert_eq!(
        (outcome(&answer), cards(&answer)),
        ((Tier::Paid, Some(Via::Own), None), vec![2]),
        "own cards first"
    );
    fixture.xyz_all(best, hot, alloy::primitives::B256::ZERO, true).await;
    assert_eq!(outcome(&fixture.ask(hot).await), (Tier::Free, Some(Via::DelegateXyz), Some(best)));
    let named = fixture.ask_naming(hot, plain).await;
    assert_eq!(
        outcome(&named),
        (Tier::Free, Some(Via::DelegateXyz), Some(best)),
        "naming one hides no other"
    );
}

#[tokio::test]
async fn denied_vault_yields_to_another_vault() {
    let denied = alloy::primitives::address!("00000000000000000000000000000000DeaDBeef");
    let fixture = Fixture::start_with(|config| {
        config.deny_wallets.insert(denied);
    })
    .await;
    let (hot, other) = (fixture.fresh_wallet(), fixture.holder_of(3).await);
    fixture.give(denied, THIS_CARD).await;
    fixture.register(denied, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(fixture.ask(hot).await.vault, Some(denied), "answer, for the operator's refusal to name it");
    fixture.register(other, hot, (fixture.memes, 1), FOREVER, None).await;
    assert_eq!(outcome(&fixture.ask(hot).await), (Tier::Paid, DELEGATED, Some(other)));
}
