//! Number of calls to Ethereum: the fewest that determine the cards, however many clients ask at the same time.

use anyhow::{Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};
use sentinel_stack::info::GateInfo;

use crate::stub::StubProvider;
use crate::trial::{Trial, trials};
use crate::world::{World, set, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![calls_of_a_cold_decision, many_at_once_are_one_read]
}

async fn counted(world: &World, name: &str) -> Result<(StubProvider, GateInfo)> {
    let provider = StubProvider::before(&world.stack.info().ethereum.rpc, None).await?;
    let gate =
        world.gate_with(name, |config| set(config, "ethereum", "rpc_addrs", vec![provider.url()])).await?;
    Ok((provider, gate))
}

/// Waits until the gate has processed the mints: reads from before would be discarded.
async fn heard() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// One call with or without a card, two with a delegation, and none while the answer is cached.
async fn calls_of_a_cold_decision(world: &World) -> Result<()> {
    let (provider, gate) = counted(world, "gate-calls").await?;
    let ethereum = &world.ethereum;
    let holder = ethereum.holder(&[ethereum.this_card()]).await?;
    let (vault, hot, _) = world.delegated().await?;
    heard().await;
    let site = SignIn::at(&gate.url)?;
    for (name, wallet, tier, calls) in
        [("holder", &holder, "free", 1), ("nobody", &Wallet::fresh(), "denied", 1), ("hot", &hot, "paid", 2)]
    {
        for _ in 0..2 {
            let told = site.eligibility(wallet.address()).await?;
            ensure!(told.result()?["tier"] == tier, "{name} is told {}", told.body);
        }
        let asked = provider.asked_about(&[wallet.address(), vault.address()]);
        ensure!(asked == calls, "{asked} calls for {name}, not {calls}");
    }
    Ok(())
}

async fn many_at_once_are_one_read(world: &World) -> Result<()> {
    let (provider, gate) = counted(world, "gate-flight").await?;
    let wallet = world.ethereum.holder(&[world.ethereum.this_card()]).await?;
    heard().await;
    let sign_in = || async {
        let site = SignIn::at(&gate.url)?;
        // A wallet binds six accounts: the further sign-ins are refused, and need the same reads.
        site.sign_in(&wallet, &some_account()).await.or_else(|error| {
            ensure!(format!("{error:#}").contains("119"), "{error:#}");
            Ok(serde_json::Value::Null)
        })
    };
    let bound = futures::future::try_join_all((0..50).map(|_| sign_in())).await?;
    let bound = bound.iter().filter(|binding| !binding.is_null()).count();
    ensure!(bound == 6, "{bound} accounts are bound");
    let asked = provider.asked_about(&[wallet.address()]);
    ensure!(asked == 1, "{asked} calls for 50 sign-ins of one wallet");
    Ok(())
}
