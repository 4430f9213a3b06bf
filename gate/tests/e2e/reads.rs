//! Number of calls to Ethereum: the fewest that determine the cards, however many clients ask at the same time.

use anyhow::{Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};
use sentinel_stack::info::GateInfo;

use crate::fixture::{Fixture, random_account, set_key};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::FaultyProvider;

/// Time after which the gate has processed the events of mined blocks, also where it polls.
const EVENT_DELAY: std::time::Duration = std::time::Duration::from_secs(3);

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![decides_with_the_fewest_calls, shares_one_read_among_concurrent_requests]
}

async fn start_gate_with_provider(fixture: &Fixture, name: &str) -> Result<(FaultyProvider, GateInfo)> {
    let provider = FaultyProvider::in_front_of(&fixture.stack.info().ethereum.rpc).await?;
    let gate = fixture
        .start_gate(name, |config| set_key(config, "ethereum", "rpc_addrs", vec![provider.url()]))
        .await?;
    Ok((provider, gate))
}

/// Waits until the gate has processed the mints: reads from before would be discarded.
async fn wait_for_events() {
    tokio::time::sleep(EVENT_DELAY).await;
}

/// One call with or without a card, two with a delegation, and none while the answer is cached.
async fn decides_with_the_fewest_calls(fixture: &Fixture) -> Result<()> {
    let (provider, gate) = start_gate_with_provider(fixture, "gate-calls").await?;
    let ethereum = &fixture.ethereum;
    let holder = ethereum.holder(&[ethereum.this_card()]).await?;
    let (vault, hot, _) = fixture.create_delegated_wallet().await?;
    wait_for_events().await;
    let site = SignIn::at(&gate.url)?;
    for (name, wallet, tier, calls) in
        [("holder", &holder, "free", 1), ("no card", &Wallet::fresh(), "denied", 1), ("hot", &hot, "paid", 2)]
    {
        for _ in 0..2 {
            let eligibility = site.eligibility(wallet.address()).await?;
            ensure!(
                eligibility.result()?["tier"] == tier,
                "the eligibility of {name} is {}",
                eligibility.body
            );
        }
        let calls_made = provider.calls_about(&[wallet.address(), vault.address()]);
        ensure!(calls_made == calls, "{calls_made} calls for {name}, not {calls}");
    }
    Ok(())
}

async fn shares_one_read_among_concurrent_requests(fixture: &Fixture) -> Result<()> {
    let (provider, gate) = start_gate_with_provider(fixture, "gate-flight").await?;
    let wallet = fixture.ethereum.holder(&[fixture.ethereum.this_card()]).await?;
    wait_for_events().await;
    let sign_in = || async {
        let site = SignIn::at(&gate.url)?;
        // A wallet binds six accounts: the further sign-ins are refused, and need the same reads.
        site.sign_in(&wallet, &random_account()).await.or_else(|error| {
            ensure!(format!("{error:#}").contains("119"), "{error:#}");
            Ok(serde_json::Value::Null)
        })
    };
    let bound = futures::future::try_join_all((0..50).map(|_| sign_in())).await?;
    let bound = bound.iter().filter(|binding| !binding.is_null()).count();
    ensure!(bound == 6, "{bound} accounts are bound");
    let calls_made = provider.calls_about(&[wallet.address()]);
    ensure!(calls_made == 1, "{calls_made} calls for 50 sign-ins of one wallet");
    Ok(())
}
