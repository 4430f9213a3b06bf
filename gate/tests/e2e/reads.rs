//! How often Ethereum is asked: as seldom as the cards can be told, however many ask at the same time.

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

/// Lets the gate hear of the cards that were just given: what it read before would not count.
async fn heard() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// One for a holder and for somebody with nothing, two with a delegation, and none while it is remembered.
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
        // A wallet binds six accounts: the others have asked for nothing, but as often.
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
