//! A faulty Ethereum provider: the gate admits nothing and denies no card on its word, answers in time, does not
//! flood it with requests, and recovers without a restart.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;
use sovereign_contracts::dev::{Anvil, DevChain};

use crate::fixture::response_time::{within, within_response_limit};
use crate::fixture::{
    Fixture, ensure_refusal, eventually, random_account, send_handshake, set_key, set_short_cache,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::{FaultyProvider, ProviderBehavior};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        tolerates_slow_provider,
        refuses_in_time_while_the_provider_hangs,
        refuses_in_time_on_http_errors,
        refuses_in_time_on_json_rpc_errors,
        refuses_in_time_on_malformed_responses,
        refuses_in_time_on_malformed_results,
        refuses_in_time_on_another_chain,
        refuses_while_the_head_is_old,
    ]
}

/// Wallets that are queried at the same time.
const CONCURRENT_WALLETS: usize = 12;
/// Wallets that a handshake queries: the one of the binding, and the address of the account's own key.
const WALLETS_PER_HANDSHAKE: usize = 2;
/// Calls that the gate makes for itself meanwhile.
const MAX_OWN_REQUESTS: usize = 20;
/// Below the time of reads one after the other.
const SHARED_READ_LIMIT: Duration = Duration::from_secs(2);

async fn start_gate(fixture: &Fixture, name: &str, provider: &FaultyProvider) -> Result<GateInfo> {
    let change = |config: &mut toml::Table| {
        set_key(config, "ethereum", "rpc_addrs", vec![provider.url()]);
        set_short_cache(config);
    };
    fixture.start_gate(name, change).await
}

/// Wallets unknown to the gate, half of them with a card.
async fn unknown_wallets(fixture: &Fixture) -> Result<Vec<Wallet>> {
    let holders = (0..CONCURRENT_WALLETS / 2).map(|_| card_holder(fixture));
    let mut wallets = futures::future::try_join_all(holders).await?;
    wallets.extend((0..CONCURRENT_WALLETS / 2).map(|_| Wallet::fresh()));
    Ok(wallets)
}

async fn card_holder(fixture: &Fixture) -> Result<Wallet> {
    fixture.ethereum.holder(&[fixture.ethereum.other_card()]).await
}

/// Requires 111 within the time limit for every kind of request while the provider shows this behaviour, and recovery
/// afterwards.
async fn expect_refusals(
    fixture: &Fixture,
    gate: &GateInfo,
    provider: &FaultyProvider,
    behavior: ProviderBehavior,
) -> Result<()> {
    let name = format!("{behavior:?}").chars().take(60).collect::<String>();
    let holder = fixture.create_holder(gate, &[fixture.ethereum.other_card()]).await?;
    let handshake =
        holder.account.wireguard_handshake(fixture.open_direct_session(&holder.account).await?)?;
    let wallets = unknown_wallets(fixture).await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(wallets[0].address(), &random_account(), None).await?;
    // Answers from before may be cached for a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    provider.set_behavior(behavior);
    let (before, begun) = (provider.request_count(), Instant::now());
    let queries = wallets.iter().map(|wallet| async {
        ensure_refusal(&SignIn::at(&gate.url)?.eligibility(wallet.address()).await?, 503, 111)
    });
    let handshaking =
        async { ensure_refusal(&send_handshake(gate, &handshake).await?, 503, 111).context("a handshake") };
    let redeeming = async {
        let answer = site.bind(&challenge.message, &wallets[0].sign(&challenge.message)?).await?;
        ensure_refusal(&answer, 503, 111).context("a sign-in")
    };
    let all = async { tokio::try_join!(futures::future::try_join_all(queries), handshaking, redeeming) };
    within_response_limit(gate, &name, Box::pin(all)).await?;
    // A client repeats its handshake meanwhile.
    let mut tries = CONCURRENT_WALLETS + 1 + WALLETS_PER_HANDSHAKE;
    while begun.elapsed() < Duration::from_secs(3) {
        let answer = within_response_limit(gate, &name, send_handshake(gate, &handshake)).await?;
        ensure_refusal(&answer, 503, 111).with_context(|| format!("{name}: again"))?;
        tries += WALLETS_PER_HANDSHAKE;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = provider.request_count() - before;
    // Wallets of a failed batch are queried once more, one by one.
    let most = 2 * tries + MAX_OWN_REQUESTS;
    ensure!(asked <= most, "{name}: the provider received {asked} requests for {tries} wallets");
    provider.set_behavior(ProviderBehavior::Forward);
    let well = || async {
        let eligibility = SignIn::at(&gate.url)?.eligibility(wallets[0].address()).await?;
        ensure!(eligibility.result()?["tier"] == "paid", "the eligibility is {}", eligibility.body);
        Ok(())
    };
    eventually("the provider is queried again", Duration::from_secs(8), well)
        .await
        .with_context(|| name.clone())?;
    let answer = site.bind(&challenge.message, &wallets[0].sign(&challenge.message)?).await?;
    ensure!(answer.status == 201, "{name}: the challenge was used up: {}", answer.body);
    crate::fixture::expect_admission(gate, &handshake).await.with_context(|| name)?;
    Ok(())
}

async fn tolerates_slow_provider(fixture: &Fixture) -> Result<()> {
    let provider = FaultyProvider::in_front_of(&fixture.stack.info().ethereum.rpc).await?;
    let gate = start_gate(fixture, "gate-slow", &provider).await?;
    provider.set_behavior(ProviderBehavior::Delay(Duration::from_millis(200)));
    let wallets = unknown_wallets(fixture).await?;
    let eligibilities = wallets.iter().map(|wallet| async {
        let eligibility = SignIn::at(&gate.url)?.eligibility(wallet.address()).await?;
        Ok::<_, anyhow::Error>(eligibility.result()?["tier"] == "paid")
    });
    let all = futures::future::try_join_all(eligibilities);
    let paid = within(&gate, SHARED_READ_LIMIT, "questions at once", all).await?;
    let paid = paid.into_iter().filter(|paid| *paid).count();
    ensure!(paid == CONCURRENT_WALLETS / 2, "{paid} of {CONCURRENT_WALLETS} hold a card");
    Ok(())
}

async fn expect_refusals_for_each(
    fixture: &Fixture,
    name: &str,
    behaviors: Vec<ProviderBehavior>,
) -> Result<()> {
    let provider = FaultyProvider::in_front_of(&fixture.stack.info().ethereum.rpc).await?;
    let gate = start_gate(fixture, name, &provider).await?;
    for behavior in behaviors {
        expect_refusals(fixture, &gate, &provider, behavior).await?;
    }
    Ok(())
}

async fn refuses_in_time_while_the_provider_hangs(fixture: &Fixture) -> Result<()> {
    let behaviors = vec![
        ProviderBehavior::Delay(Duration::from_secs(10)),
        ProviderBehavior::Drip,
        ProviderBehavior::Endless,
    ];
    expect_refusals_for_each(fixture, "gate-hangs", behaviors).await
}

async fn refuses_in_time_on_http_errors(fixture: &Fixture) -> Result<()> {
    expect_refusals_for_each(
        fixture,
        "gate-errs",
        vec![ProviderBehavior::Status(500), ProviderBehavior::Status(503), ProviderBehavior::Status(429)],
    )
    .await
}

async fn refuses_in_time_on_json_rpc_errors(fixture: &Fixture) -> Result<()> {
    let behaviors = vec![
        ProviderBehavior::Error(-32005, "limit exceeded"),
        ProviderBehavior::Error(-32000, "header not found"),
        ProviderBehavior::Error(3, "execution reverted"),
    ];
    expect_refusals_for_each(fixture, "gate-refuses", behaviors).await
}

async fn refuses_in_time_on_malformed_responses(fixture: &Fixture) -> Result<()> {
    let behaviors = vec![
        ProviderBehavior::Text("<html>"),
        ProviderBehavior::Text(""),
        ProviderBehavior::Text("{\"jsonrpc\":\"2.0\",\"id\":1}"),
        ProviderBehavior::Result(json!(null)),
    ];
    expect_refusals_for_each(fixture, "gate-nonsense", behaviors).await
}

async fn refuses_in_time_on_malformed_results(fixture: &Fixture) -> Result<()> {
    let zeros = "00".repeat(32);
    let behaviors = vec![
        ProviderBehavior::Result(json!("0x")),
        ProviderBehavior::Result(json!("0x1234")),
        // An array whose offset and length are out of range.
        ProviderBehavior::Result(json!(format!("0x{}{}", "ff".repeat(32), "ff".repeat(32)))),
        ProviderBehavior::Result(json!(format!("0x{}", zeros.repeat(3)))),
    ];
    expect_refusals_for_each(fixture, "gate-results", behaviors).await
}

/// A chain with the collection and the other contracts at the same addresses: the same deployer deploys them in the
/// same order.
async fn start_twin_chain(fixture: &Fixture, args: &[&str]) -> Result<(Anvil, DevChain)> {
    let (anvil, chain) = Anvil::start_with_stand_ins(args).await?;
    let memes = chain.deploy_memes(fixture.ethereum.deployer(), fixture.ethereum.this_card()).await?;
    ensure!(memes == fixture.ethereum.memes(), "the collection is at {memes}");
    Ok((anvil, chain))
}

/// The same contracts on a chain with another id.
async fn refuses_in_time_on_another_chain(fixture: &Fixture) -> Result<()> {
    let (other, _) = start_twin_chain(fixture, &["--chain-id", "5"]).await?;
    expect_refusals_for_each(fixture, "gate-elsewhere", vec![ProviderBehavior::OtherChain(other.url())]).await
}

/// The head of the provider is too old, so its balances may be too.
async fn refuses_while_the_head_is_old(fixture: &Fixture) -> Result<()> {
    let (late, chain) = start_twin_chain(fixture, &[]).await?;
    let (holder, ethereum) = (Wallet::fresh(), &fixture.ethereum);
    chain.mint(ethereum.deployer(), ethereum.memes(), holder.address(), ethereum.other_card()).await?;
    let next_block = || async { chain.rpc("evm_mine", json!([])).await };
    next_block().await?;
    let url = late.url();
    let change = |config: &mut toml::Table| {
        set_key(config, "ethereum", "rpc_addrs", vec![url]);
        set_key(config, "ethereum", "max_head_age", "6s");
        set_key(config, "cache", "positive_ttl", "1s");
    };
    let mining = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            next_block().await?;
        }
    };
    let gate = tokio::select! {
        gate = fixture.start_gate("gate-behind", change) => gate?,
        ended = mining => return ended,
    };
    let ask = || async { SignIn::at(&gate.url)?.eligibility(holder.address()).await };
    let behind = || async { ensure_refusal(&ask().await?, 503, 111) };
    eventually("an old head does not count", Duration::from_secs(12), behind).await?;
    next_block().await?;
    let well = || async {
        next_block().await?;
        ask().await?.result().map(drop)
    };
    eventually("a new one does", Duration::from_secs(8), well).await
}
