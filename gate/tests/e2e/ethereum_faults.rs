//! A faulty Ethereum provider: the gate admits nothing and denies no card on its word, answers in time, does not
//! flood it with requests, and recovers without a restart.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;
use sovereign_contracts::dev::{Anvil, DevChain};

use crate::providers::{Mood, Provider};
use crate::trial::{Trial, trials};
use crate::world::{PATIENCE, World, eventually, knock, refused, set, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_provider_that_is_slow,
        a_provider_that_hangs,
        a_provider_that_errs,
        a_provider_that_refuses,
        a_provider_that_talks_nonsense,
        a_provider_whose_results_are_none,
        a_provider_of_another_chain,
        a_provider_that_stays_behind,
    ]
}

/// Wallets that are queried at the same time.
const MANY: usize = 12;
/// Wallets that a handshake queries: the one of the binding, and the address of the account's own key.
const OF_A_HANDSHAKE: usize = 2;
/// Calls that the gate makes for itself meanwhile.
const OWN: usize = 20;

async fn gate(world: &World, name: &str, provider: &Provider) -> Result<GateInfo> {
    let change = |config: &mut toml::Table| {
        set(config, "ethereum", "rpc_addrs", vec![provider.url()]);
        set(config, "cache", "positive_ttl", "1s");
        set(config, "cache", "negative_ttl", "100ms");
    };
    world.gate_with(name, change).await
}

/// Wallets unknown to the gate, half of them with a card.
async fn strangers(world: &World) -> Result<Vec<Wallet>> {
    let holders = (0..MANY / 2).map(|_| holder(world));
    let mut wallets = futures::future::try_join_all(holders).await?;
    wallets.extend((0..MANY / 2).map(|_| Wallet::fresh()));
    Ok(wallets)
}

async fn holder(world: &World) -> Result<Wallet> {
    world.ethereum.holder(&[world.ethereum.other_card()]).await
}

/// Requires 111 within the time limit for every kind of request while the provider shows this behaviour, and recovery
/// afterwards.
async fn nobody_gets_in(world: &World, gate: &GateInfo, provider: &Provider, mood: Mood) -> Result<()> {
    let name = format!("{mood:?}").chars().take(60).collect::<String>();
    let holder = world.holder(gate, &[world.ethereum.other_card()]).await?;
    let handshake = holder.account.wireguard_handshake(world.direct_session(&holder.account).await?)?;
    let wallets = strangers(world).await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(wallets[0].address(), &some_account(), None).await?;
    // Answers from before may be cached for a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    provider.is(mood);
    let (before, begun) = (provider.asked(), Instant::now());
    let questions = wallets.iter().map(|wallet| async {
        refused(&SignIn::at(&gate.url)?.eligibility(wallet.address()).await?, 503, 111)
    });
    let knocking = async { refused(&knock(gate, &handshake).await?, 503, 111).context("a handshake") };
    let redeeming = async {
        let answer = site.bind(&challenge.message, &wallets[0].sign(&challenge.message)?).await?;
        refused(&answer, 503, 111).context("a sign-in")
    };
    let all = async { tokio::try_join!(futures::future::try_join_all(questions), knocking, redeeming) };
    all.await.with_context(|| name.clone())?;
    ensure!(begun.elapsed() < PATIENCE, "{name}: it took {:?}", begun.elapsed());
    // A client repeats its handshake meanwhile.
    let mut tries = MANY + 1 + OF_A_HANDSHAKE;
    while begun.elapsed() < Duration::from_secs(3) {
        let again = Instant::now();
        refused(&knock(gate, &handshake).await?, 503, 111).context("again")?;
        tries += OF_A_HANDSHAKE;
        ensure!(again.elapsed() < PATIENCE, "{name}: again took {:?}", again.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = provider.asked() - before;
    // Wallets of a failed batch are queried once more, one by one.
    let most = 2 * tries + OWN;
    ensure!(asked <= most, "{name}: the provider was asked {asked} times about {tries} wallets");
    provider.is(Mood::Well);
    let well = || async {
        let told = SignIn::at(&gate.url)?.eligibility(wallets[0].address()).await?;
        ensure!(told.result()?["tier"] == "paid", "told {}", told.body);
        Ok(())
    };
    eventually("it is asked again", Duration::from_secs(8), well).await.with_context(|| name.clone())?;
    let answer = site.bind(&challenge.message, &wallets[0].sign(&challenge.message)?).await?;
    ensure!(answer.status == 201, "{name}: the challenge was used up: {}", answer.body);
    crate::world::enter(gate, &handshake).await.with_context(|| name)?;
    Ok(())
}

async fn a_provider_that_is_slow(world: &World) -> Result<()> {
    let provider = Provider::before(&world.stack.info().ethereum.rpc).await?;
    let gate = gate(world, "gate-slow", &provider).await?;
    provider.is(Mood::Late(Duration::from_millis(200)));
    let wallets = strangers(world).await?;
    let begun = Instant::now();
    let told = wallets.iter().map(|wallet| async {
        let told = SignIn::at(&gate.url)?.eligibility(wallet.address()).await?;
        Ok::<_, anyhow::Error>(told.result()?["tier"] == "paid")
    });
    let paid = futures::future::try_join_all(told).await?.into_iter().filter(|paid| *paid).count();
    ensure!(paid == MANY / 2, "{paid} of {MANY} hold a card");
    ensure!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    Ok(())
}

async fn each(world: &World, name: &str, moods: Vec<Mood>) -> Result<()> {
    let provider = Provider::before(&world.stack.info().ethereum.rpc).await?;
    let gate = gate(world, name, &provider).await?;
    for mood in moods {
        nobody_gets_in(world, &gate, &provider, mood).await?;
    }
    Ok(())
}

async fn a_provider_that_hangs(world: &World) -> Result<()> {
    let moods = vec![Mood::Late(Duration::from_secs(10)), Mood::Drips, Mood::Endless];
    each(world, "gate-hangs", moods).await
}

async fn a_provider_that_errs(world: &World) -> Result<()> {
    each(world, "gate-errs", vec![Mood::Status(500), Mood::Status(503), Mood::Status(429)]).await
}

async fn a_provider_that_refuses(world: &World) -> Result<()> {
    let moods = vec![
        Mood::Refuses(-32005, "limit exceeded"),
        Mood::Refuses(-32000, "header not found"),
        Mood::Refuses(3, "execution reverted"),
    ];
    each(world, "gate-refuses", moods).await
}

async fn a_provider_that_talks_nonsense(world: &World) -> Result<()> {
    let moods = vec![
        Mood::Says("<html>"),
        Mood::Says(""),
        Mood::Says("{\"jsonrpc\":\"2.0\",\"id\":1}"),
        Mood::Results(json!(null)),
    ];
    each(world, "gate-nonsense", moods).await
}

async fn a_provider_whose_results_are_none(world: &World) -> Result<()> {
    let zeros = "00".repeat(32);
    let moods = vec![
        Mood::Results(json!("0x")),
        Mood::Results(json!("0x1234")),
        // An array whose offset and length are out of range.
        Mood::Results(json!(format!("0x{}{}", "ff".repeat(32), "ff".repeat(32)))),
        Mood::Results(json!(format!("0x{}", zeros.repeat(3)))),
    ];
    each(world, "gate-results", moods).await
}

/// A chain with the collection and the other contracts at the same addresses: the same deployer deploys them in the
/// same order.
async fn twin(world: &World, args: &[&str]) -> Result<(Anvil, DevChain)> {
    let (anvil, chain) = Anvil::start_with_stand_ins(args).await?;
    let memes = chain.deploy_memes(world.ethereum.deployer(), world.ethereum.this_card()).await?;
    ensure!(memes == world.ethereum.memes(), "the collection is at {memes}");
    Ok((anvil, chain))
}

/// The same contracts on a chain with another id.
async fn a_provider_of_another_chain(world: &World) -> Result<()> {
    let (other, _) = twin(world, &["--chain-id", "5"]).await?;
    each(world, "gate-elsewhere", vec![Mood::Elsewhere(other.url())]).await
}

/// The head of the provider is too old, so its balances may be too.
async fn a_provider_that_stays_behind(world: &World) -> Result<()> {
    let (late, chain) = twin(world, &[]).await?;
    let (holder, ethereum) = (Wallet::fresh(), &world.ethereum);
    chain.mint(ethereum.deployer(), ethereum.memes(), holder.address(), ethereum.other_card()).await?;
    let next_block = || async { chain.rpc("evm_mine", json!([])).await };
    next_block().await?;
    let url = late.url();
    let change = |config: &mut toml::Table| {
        set(config, "ethereum", "rpc_addrs", vec![url]);
        set(config, "ethereum", "max_head_age", "6s");
        set(config, "cache", "positive_ttl", "1s");
    };
    let mining = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            next_block().await?;
        }
    };
    let gate = tokio::select! {
        gate = world.gate_with("gate-behind", change) => gate?,
        ended = mining => return ended,
    };
    let ask = || async { SignIn::at(&gate.url)?.eligibility(holder.address()).await };
    let behind = || async { refused(&ask().await?, 503, 111) };
    eventually("an old head does not count", Duration::from_secs(12), behind).await?;
    next_block().await?;
    let well = || async {
        next_block().await?;
        ask().await?.result().map(drop)
    };
    eventually("a new one does", Duration::from_secs(8), well).await
}
