//! Precedence of refusals, which is part of the interface.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;

use crate::fixture::response_time::eventually_within;
use crate::fixture::{
    Fixture, ensure_refusal, expect_admission, expect_refusal, random_peer_request, send_handshake, set_key,
    set_short_cache,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        missing_binding_precedes_unknown_session,
        denial_follows_binding_and_precedes_cards,
        cards_precede_kinds_precede_devices_precede_keys,
        forwards_unknown_session_only_with_binding,
    ]
}

/// 102 comes before 103: see `malformed`.
async fn missing_binding_precedes_unknown_session(fixture: &Fixture) -> Result<()> {
    let account = fixture.hub().poor_account("early").await?;
    expect_refusal(fixture.gate(), &account.wireguard_handshake(4_000_000_001)?, 401, 103).await.map(drop)
}

async fn denial_follows_binding_and_precedes_cards(fixture: &Fixture) -> Result<()> {
    let (ethereum, banned) = (&fixture.ethereum, fixture.hub().poor_account("banned").await?);
    let (wallet, account) =
        (ethereum.holder(&[ethereum.other_card()]).await?, fixture.funded_account().await?);
    let gate = fixture
        .start_gate("gate-order", |config| {
            set_key(config, "policy", "deny_accounts", vec![banned.address.clone()]);
            set_key(config, "policy", "deny_wallets", vec![wallet.address().to_string()]);
            set_key(config, "cache", "positive_ttl", "1s");
        })
        .await?;
    // The denied account has no binding, which is reported first.
    expect_refusal(&gate, &banned.wireguard_handshake(1)?, 401, 103).await?;
    // A denied wallet that no longer holds a card is still reported as denied.
    fixture.bind_account(&gate, &wallet, &account.address).await?;
    ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    let free = fixture.hub().plan_session(&account, fixture.stack.info().plans.free, &gate.node).await?;
    expect_refusal(&gate, &account.wireguard_handshake(free)?, 403, 109).await.map(drop)
}

async fn cards_precede_kinds_precede_devices_precede_keys(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-ranks", set_short_cache).await?;
    let (ethereum, card) = (&fixture.ethereum, fixture.ethereum.other_card());
    let holder = fixture.create_holder(&gate, &[card]).await?;
    let account = &holder.account;
    let key = &random_peer_request();
    for number in 0..3 {
        let session = fixture.open_direct_session(account).await?;
        let handshake = if number == 0 {
            account.handshake(session, key)?
        } else {
            account.wireguard_handshake(session)?
        };
        expect_admission(&gate, &handshake).await?;
    }
    // From here on all places and this tunnel key are in use.
    let direct = fixture.open_direct_session(account).await?;
    expect_refusal(&gate, &account.handshake(direct, key)?, 409, 107).await?;
    let free = fixture.hub().plan_session(account, fixture.stack.info().plans.free, &gate.node).await?;
    expect_refusal(&gate, &account.handshake(free, key)?, 403, 106).await?;
    ethereum.transfer(holder.wallet.address(), Wallet::fresh().address(), card).await?;
    let sold = || async { expect_refusal(&gate, &account.handshake(free, key)?, 403, 105).await };
    eventually_within(&gate, Duration::from_secs(3), "the sale counts", sold).await?;
    // The key is in use for every other session too.
    let other = fixture.create_holder(&gate, &[card]).await?;
    let session = fixture.open_direct_session(&other.account).await?;
    expect_refusal(&gate, &other.account.handshake(session, key)?, 409, 108).await.map(drop)
}

async fn forwards_unknown_session_only_with_binding(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let answer = send_handshake(fixture.gate(), &holder.account.wireguard_handshake(4_000_000_002)?).await?;
    ensure_refusal(&answer, 404, 5)?;
    ensure!(answer.message().contains("4000000002"), "the message is {}", answer.message());
    // Only accounts with a binding learn of it.
    let stranger = fixture.hub().poor_account("stranger").await?;
    let answer = send_handshake(fixture.gate(), &stranger.wireguard_handshake(4_000_000_002)?).await?;
    ensure_refusal(&answer, 401, 103).context("a stranger")
}
