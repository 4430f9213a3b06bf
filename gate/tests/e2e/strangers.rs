//! A binding only adds access: bindings that strangers with cards create for an account take nothing from its owner.

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::actors::{SignIn, Wallet};

use crate::trial::{Trial, trials};
use crate::world::{Holder, World, enter, record, set, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_strangers_binding_replaces_and_ends_nothing,
        a_stranger_uses_up_none_of_the_owners_devices,
        a_stranger_without_a_free_device_is_in_nobodys_way,
        a_stranger_who_sells_his_card_is_in_nobodys_way,
        many_strangers,
        a_better_binding_is_found,
    ]
}

async fn stranger(world: &World) -> Result<Wallet> {
    world.ethereum.holder(&[world.ethereum.other_card()]).await
}

async fn new_session(world: &World, holder: &Holder) -> Result<u64> {
    let session = world.direct_session(&holder.account).await?;
    enter(world.gate(), &holder.account.wireguard_handshake(session)?).await?;
    Ok(session)
}

async fn a_strangers_binding_replaces_and_ends_nothing(world: &World) -> Result<()> {
    let (gate, owner, stranger) = (world.gate(), world.paid().await?, stranger(world).await?);
    let foreign = world.bind(gate, &stranger, &owner.account.address).await?;
    let site = SignIn::at(&gate.url)?;
    let mine = site.binding(owner.token()).await?.result()?.clone();
    ensure!(mine["wallet"] == owner.wallet.address().to_string(), "the binding is {mine}");
    let token = foreign["token"].as_str().context("a token")?;
    ensure!(site.unbind(token).await?.status == 204, "the stranger cannot end his own");
    site.binding(owner.token()).await?.result().context("the owner's is gone")?;
    let session = new_session(world, &owner).await?;
    let record = record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["wallet"] == owner.wallet.address().to_string(), "rests on {record}");
    Ok(())
}

/// Whichever binding the admission rests on, the owner's wallet has three places in all.
async fn a_stranger_uses_up_none_of_the_owners_devices(world: &World) -> Result<()> {
    let (gate, owner, stranger) = (world.gate(), world.paid().await?, stranger(world).await?);
    world.bind(gate, &stranger, &owner.account.address).await?;
    let mut by_stranger = 0;
    for _ in 0..4 {
        let session = new_session(world, &owner).await?;
        let record = record(gate, session).await?.context("not in the list of sessions")?;
        by_stranger += u32::from(record["wallet"] == stranger.address().to_string());
    }
    let used = SignIn::at(&gate.url)?.binding(owner.token()).await?.result()?["devices"]["used"].clone();
    ensure!(
        used == 4 - by_stranger,
        "{used} are counted to the owner, {by_stranger} of 4 rest on the stranger"
    );
    Ok(())
}

async fn a_stranger_without_a_free_device_is_in_nobodys_way(world: &World) -> Result<()> {
    let (gate, full, owner) = (world.gate(), world.paid().await?, world.paid().await?);
    for _ in 0..3 {
        new_session(world, &full).await?;
    }
    // The stranger's binding is the newest, so it is tried first.
    world.bind(gate, &full.wallet, &owner.account.address).await?;
    for _ in 0..3 {
        let session = new_session(world, &owner).await?;
        let record = record(gate, session).await?.context("not in the list of sessions")?;
        ensure!(record["wallet"] == owner.wallet.address().to_string(), "rests on {record}");
    }
    let session = world.direct_session(&owner.account).await?;
    turned_away(gate, &owner.account.wireguard_handshake(session)?, 409, 107).await.map(drop)
}

async fn a_stranger_who_sells_his_card_is_in_nobodys_way(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-seller", |config| set(config, "cache", "positive_ttl", "1s")).await?;
    let (ethereum, card) = (&world.ethereum, world.ethereum.other_card());
    let (owner, seller) = (world.holder(&gate, &[card]).await?, stranger(world).await?);
    world.bind(&gate, &seller, &owner.account.address).await?;
    ethereum.transfer(seller.address(), Wallet::fresh().address(), card).await?;
    let session = world.direct_session(&owner.account).await?;
    enter(&gate, &owner.account.wireguard_handshake(session)?).await?;
    let session = world.direct_session(&owner.account).await?;
    enter(&gate, &owner.account.wireguard_handshake(session)?).await.map(drop)
}

async fn many_strangers(world: &World) -> Result<()> {
    const MANY: usize = 100;
    let (gate, owner) = (world.gate(), world.paid().await?);
    let card = world.ethereum.other_card();
    let strangers = (0..MANY).map(|number| {
        let account = &owner.account.address;
        async move {
            let wallet = stranger(world).await?;
            world.bind(gate, &wallet, account).await?;
            // Half of the strangers sell their cards.
            if number % 2 == 0 {
                world.ethereum.transfer(wallet.address(), Wallet::fresh().address(), card).await?;
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    let bound: Vec<()> = futures::stream::iter(strangers).buffer_unordered(10).try_collect().await?;
    ensure!(bound.len() == MANY, "{} have bound the account", bound.len());
    let session = world.direct_session(&owner.account).await?;
    let begun = std::time::Instant::now();
    enter(gate, &owner.account.wireguard_handshake(session)?).await?;
    ensure!(begun.elapsed() < crate::world::PATIENCE, "that took {:?}", begun.elapsed());
    SignIn::at(&gate.url)?.binding(owner.token()).await?.result().map(drop)
}

/// The owner's card serves the free plan, the stranger's does not.
async fn a_better_binding_is_found(world: &World) -> Result<()> {
    let (gate, owner, stranger) = (world.gate(), world.free().await?, stranger(world).await?);
    world.bind(gate, &stranger, &owner.account.address).await?;
    let plan = world.stack.info().plans.free;
    let session = world.hub().plan_session(&owner.account, plan, &world.node().address).await?;
    enter(gate, &owner.account.wireguard_handshake(session)?).await?;
    let record = record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["wallet"] == owner.wallet.address().to_string() && record["tier"] == "free", "{record}");
    Ok(())
}
