//! A binding only adds access: bindings that strangers with cards create for an account take nothing from its owner.

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::actors::{SignIn, Wallet};

use crate::fixture::response_time::within_response_limit;
use crate::fixture::{Fixture, Holder, expect_admission, expect_refusal, session_record, set_key};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        foreign_binding_replaces_and_ends_nothing,
        foreign_binding_uses_no_place_of_the_owner,
        foreign_binding_without_free_place_does_not_block_owner,
        foreign_binding_without_card_does_not_block_owner,
        hundred_foreign_bindings_do_not_block_owner,
        chooses_the_binding_that_serves_the_plan,
    ]
}

async fn stranger_with_card(fixture: &Fixture) -> Result<Wallet> {
    fixture.ethereum.holder(&[fixture.ethereum.other_card()]).await
}

async fn admit_new_session(fixture: &Fixture, holder: &Holder) -> Result<u64> {
    let session = fixture.open_direct_session(&holder.account).await?;
    expect_admission(fixture.gate(), &holder.account.wireguard_handshake(session)?).await?;
    Ok(session)
}

async fn foreign_binding_replaces_and_ends_nothing(fixture: &Fixture) -> Result<()> {
    let (gate, owner, stranger) =
        (fixture.gate(), fixture.create_paid_holder().await?, stranger_with_card(fixture).await?);
    let foreign = fixture.bind_account(gate, &stranger, &owner.account.address).await?;
    let site = SignIn::at(&gate.url)?;
    let mine = site.binding(owner.token()).await?.result()?.clone();
    ensure!(mine["wallet"] == owner.wallet.address().to_string(), "the binding is {mine}");
    let token = foreign["token"].as_str().context("a token")?;
    ensure!(site.unbind(token).await?.status == 204, "the stranger cannot unbind");
    site.binding(owner.token()).await?.result().context("the owner's is gone")?;
    let session = admit_new_session(fixture, &owner).await?;
    let record = session_record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["wallet"] == owner.wallet.address().to_string(), "rests on {record}");
    Ok(())
}

/// Whichever binding the admission rests on, the owner's wallet has three places in all.
async fn foreign_binding_uses_no_place_of_the_owner(fixture: &Fixture) -> Result<()> {
    let (gate, owner, stranger) =
        (fixture.gate(), fixture.create_paid_holder().await?, stranger_with_card(fixture).await?);
    fixture.bind_account(gate, &stranger, &owner.account.address).await?;
    let mut by_stranger = 0;
    for _ in 0..4 {
        let session = admit_new_session(fixture, &owner).await?;
        let record = session_record(gate, session).await?.context("not in the list of sessions")?;
        by_stranger += u32::from(record["wallet"] == stranger.address().to_string());
    }
    let used = SignIn::at(&gate.url)?.binding(owner.token()).await?.result()?["devices"]["used"].clone();
    ensure!(
        used == 4 - by_stranger,
        "{used} are counted to the owner, {by_stranger} of 4 rest on the stranger"
    );
    Ok(())
}

async fn foreign_binding_without_free_place_does_not_block_owner(fixture: &Fixture) -> Result<()> {
    let (gate, full, owner) =
        (fixture.gate(), fixture.create_paid_holder().await?, fixture.create_paid_holder().await?);
    for _ in 0..3 {
        admit_new_session(fixture, &full).await?;
    }
    // The stranger's binding is the newest, so it is tried first.
    fixture.bind_account(gate, &full.wallet, &owner.account.address).await?;
    for _ in 0..3 {
        let session = admit_new_session(fixture, &owner).await?;
        let record = session_record(gate, session).await?.context("not in the list of sessions")?;
        ensure!(record["wallet"] == owner.wallet.address().to_string(), "rests on {record}");
    }
    let session = fixture.open_direct_session(&owner.account).await?;
    expect_refusal(gate, &owner.account.wireguard_handshake(session)?, 409, 107).await.map(drop)
}

async fn foreign_binding_without_card_does_not_block_owner(fixture: &Fixture) -> Result<()> {
    let gate =
        fixture.start_gate("gate-seller", |config| set_key(config, "cache", "positive_ttl", "1s")).await?;
    let (ethereum, card) = (&fixture.ethereum, fixture.ethereum.other_card());
    let (owner, seller) = (fixture.create_holder(&gate, &[card]).await?, stranger_with_card(fixture).await?);
    fixture.bind_account(&gate, &seller, &owner.account.address).await?;
    ethereum.transfer(seller.address(), Wallet::fresh().address(), card).await?;
    let session = fixture.open_direct_session(&owner.account).await?;
    expect_admission(&gate, &owner.account.wireguard_handshake(session)?).await?;
    let session = fixture.open_direct_session(&owner.account).await?;
    expect_admission(&gate, &owner.account.wireguard_handshake(session)?).await.map(drop)
}

async fn hundred_foreign_bindings_do_not_block_owner(fixture: &Fixture) -> Result<()> {
    const STRANGERS: usize = 100;
    let (gate, owner) = (fixture.gate(), fixture.create_paid_holder().await?);
    let card = fixture.ethereum.other_card();
    let strangers = (0..STRANGERS).map(|number| {
        let account = &owner.account.address;
        async move {
            let wallet = stranger_with_card(fixture).await?;
            fixture.bind_account(gate, &wallet, account).await?;
            // Half of the strangers sell their cards.
            if number % 2 == 0 {
                fixture.ethereum.transfer(wallet.address(), Wallet::fresh().address(), card).await?;
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    let bound: Vec<()> = futures::stream::iter(strangers).buffer_unordered(10).try_collect().await?;
    ensure!(bound.len() == STRANGERS, "{} have bound the account", bound.len());
    let session = fixture.open_direct_session(&owner.account).await?;
    let handshake = owner.account.wireguard_handshake(session)?;
    within_response_limit(gate, "the owner's handshake", expect_admission(gate, &handshake)).await?;
    SignIn::at(&gate.url)?.binding(owner.token()).await?.result().map(drop)
}

/// The owner's card serves the free plan, the stranger's does not.
async fn chooses_the_binding_that_serves_the_plan(fixture: &Fixture) -> Result<()> {
    let (gate, owner, stranger) =
        (fixture.gate(), fixture.create_free_holder().await?, stranger_with_card(fixture).await?);
    fixture.bind_account(gate, &stranger, &owner.account.address).await?;
    let plan = fixture.stack.info().plans.free;
    let session = fixture.hub().plan_session(&owner.account, plan, &fixture.node().address).await?;
    expect_admission(gate, &owner.account.wireguard_handshake(session)?).await?;
    let record = session_record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["wallet"] == owner.wallet.address().to_string() && record["tier"] == "free", "{record}");
    Ok(())
}
