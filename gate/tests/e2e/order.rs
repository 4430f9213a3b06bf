//! Precedence of refusals, which is part of the interface.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;

use crate::trial::{Trial, trials};
use crate::world::{World, enter, knock, peer_request, refused, set, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_sign_in_is_asked_for_before_the_session_is_looked_at,
        denials_come_after_the_sign_in_and_before_the_cards,
        cards_before_kinds_before_devices_before_keys,
        a_session_that_does_not_exist_is_the_nodes_to_refuse,
    ]
}

/// 102 comes before 103: see `malformed`.
async fn a_sign_in_is_asked_for_before_the_session_is_looked_at(world: &World) -> Result<()> {
    let account = world.hub().poor_account("early").await?;
    turned_away(world.gate(), &account.wireguard_handshake(4_000_000_001)?, 401, 103).await.map(drop)
}

async fn denials_come_after_the_sign_in_and_before_the_cards(world: &World) -> Result<()> {
    let (ethereum, banned) = (&world.ethereum, world.hub().poor_account("banned").await?);
    let (wallet, account) = (ethereum.holder(&[ethereum.other_card()]).await?, world.account().await?);
    let gate = world
        .gate_with("gate-order", |config| {
            set(config, "policy", "deny_accounts", vec![banned.address.clone()]);
            set(config, "policy", "deny_wallets", vec![wallet.address().to_string()]);
            set(config, "cache", "positive_ttl", "1s");
        })
        .await?;
    // The denied account has no binding, which is reported first.
    turned_away(&gate, &banned.wireguard_handshake(1)?, 401, 103).await?;
    // A denied wallet that no longer holds a card is still reported as denied.
    world.bind(&gate, &wallet, &account.address).await?;
    ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    let free = world.hub().plan_session(&account, world.stack.info().plans.free, &gate.node).await?;
    turned_away(&gate, &account.wireguard_handshake(free)?, 403, 109).await.map(drop)
}

async fn cards_before_kinds_before_devices_before_keys(world: &World) -> Result<()> {
    let gate = world
        .gate_with("gate-ranks", |config| {
            set(config, "cache", "positive_ttl", "1s");
            set(config, "cache", "negative_ttl", "100ms");
        })
        .await?;
    let (ethereum, card) = (&world.ethereum, world.ethereum.other_card());
    let holder = world.holder(&gate, &[card]).await?;
    let account = &holder.account;
    let key = &peer_request();
    for number in 0..3 {
        let session = world.direct_session(account).await?;
        let handshake = if number == 0 {
            account.handshake(session, key)?
        } else {
            account.wireguard_handshake(session)?
        };
        enter(&gate, &handshake).await?;
    }
    // From here on all places and this tunnel key are in use.
    let direct = world.direct_session(account).await?;
    turned_away(&gate, &account.handshake(direct, key)?, 409, 107).await?;
    let free = world.hub().plan_session(account, world.stack.info().plans.free, &gate.node).await?;
    turned_away(&gate, &account.handshake(free, key)?, 403, 106).await?;
    ethereum.transfer(holder.wallet.address(), Wallet::fresh().address(), card).await?;
    let sold = || async { turned_away(&gate, &account.handshake(free, key)?, 403, 105).await };
    crate::world::eventually("the sale counts", crate::world::PATIENCE, sold).await?;
    // The key is in use for every other session too.
    let other = world.holder(&gate, &[card]).await?;
    let session = world.direct_session(&other.account).await?;
    turned_away(&gate, &other.account.handshake(session, key)?, 409, 108).await.map(drop)
}

async fn a_session_that_does_not_exist_is_the_nodes_to_refuse(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let answer = knock(world.gate(), &holder.account.wireguard_handshake(4_000_000_002)?).await?;
    refused(&answer, 404, 5)?;
    ensure!(answer.message().contains("4000000002"), "says {}", answer.message());
    // Only accounts with a binding learn of it.
    let stranger = world.hub().poor_account("stranger").await?;
    let answer = knock(world.gate(), &stranger.wireguard_handshake(4_000_000_002)?).await?;
    refused(&answer, 401, 103).context("a stranger")
}
