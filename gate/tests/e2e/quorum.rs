//! Several providers: one that lies admits nothing, one that is gone denies nothing.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};

use crate::fixture::{
    CONVERGENCE_LIMIT, Fixture, ensure_refusal, eventually, random_account, set_key, unready_parts,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::{FaultyProvider, ProviderBehavior};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        outvotes_lying_provider,
        tolerates_one_missing_provider_of_three,
        fails_over_to_the_next_provider
    ]
}

/// The lying provider reports the cards of another wallet.
async fn outvotes_lying_provider(fixture: &Fixture) -> Result<()> {
    let (ethereum, rpc) = (&fixture.ethereum, &fixture.stack.info().ethereum.rpc);
    let (poor, rich) = (Wallet::fresh(), ethereum.holder(&[ethereum.this_card()]).await?);
    let liar = FaultyProvider::in_front_of(rpc).await?;
    liar.set_behavior(ProviderBehavior::Substitute(poor.address(), rich.address()));
    let (one, other) = (FaultyProvider::in_front_of(rpc).await?, FaultyProvider::in_front_of(rpc).await?);

    // Without a quorum it is believed, which proves that it lies.
    let alone =
        fixture.start_gate("gate-liar", |c| set_key(c, "ethereum", "rpc_addrs", vec![liar.url()])).await?;
    let eligibility = SignIn::at(&alone.url)?.eligibility(poor.address()).await?;
    ensure!(eligibility.result()?["tier"] == "free", "it does not lie: {}", eligibility.body);

    let gate = fixture
        .start_gate("gate-quorum", |config| {
            set_key(config, "ethereum", "rpc_addrs", vec![liar.url(), one.url(), other.url()]);
            set_key(config, "ethereum", "quorum", 2);
        })
        .await?;
    let site = SignIn::at(&gate.url)?;
    let eligibility = site.eligibility(poor.address()).await?;
    ensure!(
        eligibility.result()?["tier"] == "denied",
        "the lying provider is believed: {}",
        eligibility.body
    );
    let challenge = site.challenge(poor.address(), &random_account(), None).await?;
    let answer = site.bind(&challenge.message, &poor.sign(&challenge.message)?).await?;
    ensure_refusal(&answer, 403, 105)?;
    // Wallets about which it does not lie are admitted.
    let holder = fixture.create_holder(&gate, &[ethereum.this_card()]).await?;
    ensure!(holder.binding["tier"] == "free", "the binding is {}", holder.binding);
    Ok(())
}

async fn tolerates_one_missing_provider_of_three(fixture: &Fixture) -> Result<()> {
    let rpc = &fixture.stack.info().ethereum.rpc;
    let first = FaultyProvider::in_front_of(rpc).await?;
    let second = FaultyProvider::in_front_of(rpc).await?;
    let third = FaultyProvider::in_front_of(rpc).await?;
    let gate = fixture
        .start_gate("gate-gone", |config| {
            set_key(config, "ethereum", "rpc_addrs", vec![first.url(), second.url(), third.url()]);
            set_key(config, "ethereum", "quorum", 2);
        })
        .await?;
    drop(first);
    fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await.context("with two of three")?;
    drop(second);
    let wallet = fixture.ethereum.holder(&[fixture.ethereum.other_card()]).await?;
    let answer = SignIn::at(&gate.url)?.eligibility(wallet.address()).await?;
    ensure_refusal(&answer, 503, 111).context("with one of three")?;
    let missing = || async {
        let missing = unready_parts(&gate).await?;
        ensure!(missing.iter().any(|(what, _)| what == "ethereum"), "/ready reports {missing:?}");
        Ok(())
    };
    eventually("/ready reports it", CONVERGENCE_LIMIT, missing).await
}

/// With a quorum of one the others are in reserve.
async fn fails_over_to_the_next_provider(fixture: &Fixture) -> Result<()> {
    let rpc = &fixture.stack.info().ethereum.rpc;
    let first = FaultyProvider::in_front_of(rpc).await?;
    let second = FaultyProvider::in_front_of(rpc).await?;
    let gate = fixture
        .start_gate("gate-next", |c| set_key(c, "ethereum", "rpc_addrs", vec![first.url(), second.url()]))
        .await?;
    drop(first);
    fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await.map(drop)
}
