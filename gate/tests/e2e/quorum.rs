//! Several providers: one that lies admits nothing, one that is gone denies nothing.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};

use crate::stub::{StubProvider, word};
use crate::trial::{Trial, trials};
use crate::world::{World, not_ready, refused, set, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![one_of_three_lies, one_of_three_is_gone, the_next_one_is_asked]
}

/// The lying provider reports the cards of another wallet.
async fn one_of_three_lies(world: &World) -> Result<()> {
    let (ethereum, rpc) = (&world.ethereum, &world.stack.info().ethereum.rpc);
    let (poor, rich) = (Wallet::fresh(), ethereum.holder(&[ethereum.this_card()]).await?);
    let lie = (word(poor.address()), word(rich.address()));
    let liar = StubProvider::before(rpc, Some(lie)).await?;
    let (one, other) = (StubProvider::before(rpc, None).await?, StubProvider::before(rpc, None).await?);

    // Without a quorum it is believed, which proves that it lies.
    let alone = world.gate_with("gate-liar", |c| set(c, "ethereum", "rpc_addrs", vec![liar.url()])).await?;
    let told = SignIn::at(&alone.url)?.eligibility(poor.address()).await?;
    ensure!(told.result()?["tier"] == "free", "it does not lie: {}", told.body);

    let gate = world
        .gate_with("gate-quorum", |config| {
            set(config, "ethereum", "rpc_addrs", vec![liar.url(), one.url(), other.url()]);
            set(config, "ethereum", "quorum", 2);
        })
        .await?;
    let site = SignIn::at(&gate.url)?;
    let told = site.eligibility(poor.address()).await?;
    ensure!(told.result()?["tier"] == "denied", "the liar is believed: {}", told.body);
    let challenge = site.challenge(poor.address(), &some_account(), None).await?;
    let answer = site.bind(&challenge.message, &poor.sign(&challenge.message)?).await?;
    refused(&answer, 403, 105)?;
    // Wallets about which it does not lie are admitted.
    let holder = world.holder(&gate, &[ethereum.this_card()]).await?;
    ensure!(holder.binding["tier"] == "free", "the binding is {}", holder.binding);
    Ok(())
}

async fn one_of_three_is_gone(world: &World) -> Result<()> {
    let rpc = &world.stack.info().ethereum.rpc;
    let first = StubProvider::before(rpc, None).await?;
    let second = StubProvider::before(rpc, None).await?;
    let third = StubProvider::before(rpc, None).await?;
    let gate = world
        .gate_with("gate-gone", |config| {
            set(config, "ethereum", "rpc_addrs", vec![first.url(), second.url(), third.url()]);
            set(config, "ethereum", "quorum", 2);
        })
        .await?;
    drop(first);
    world.holder(&gate, &[world.ethereum.other_card()]).await.context("with two of three")?;
    drop(second);
    let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
    let answer = SignIn::at(&gate.url)?.eligibility(wallet.address()).await?;
    refused(&answer, 503, 111).context("with one of three")?;
    let missing = || async {
        let missing = not_ready(&gate).await?;
        ensure!(missing.iter().any(|(what, _)| what == "ethereum"), "/ready says {missing:?}");
        Ok(())
    };
    crate::world::eventually("/ready says it", std::time::Duration::from_secs(20), missing).await
}

/// With a quorum of one the others are in reserve.
async fn the_next_one_is_asked(world: &World) -> Result<()> {
    let rpc = &world.stack.info().ethereum.rpc;
    let first = StubProvider::before(rpc, None).await?;
    let second = StubProvider::before(rpc, None).await?;
    let gate = world
        .gate_with("gate-next", |c| set(c, "ethereum", "rpc_addrs", vec![first.url(), second.url()]))
        .await?;
    drop(first);
    world.holder(&gate, &[world.ethereum.other_card()]).await.map(drop)
}
