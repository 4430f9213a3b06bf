//! From the transfer of the only card to the peer that is out of the tunnel: one holder after the other, each with a
//! session in the node's WireGuard. First with one sign-in of each account, then with as many as an account may have.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::actors::{Caller, SignIn, Wallet};
use sentinel_stack::{Stack, StackOptions};
use serde_json::json;

use super::report;
use super::sample::Sample;
use crate::build::{self, Profile};

const HOLDERS: usize = 60;
/// The first ones warm everything up and do not count.
const WARM_UP: usize = 5;
/// Sign-ins that one account may have: `store::MAX_PER_ACCOUNT` of the gate.
const MAX_SIGN_INS: usize = 32;
const MAX_PARALLEL_SIGN_INS: usize = 8;
const EVICTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Counted once the tunnel has said that no packet passes any more.
const EVICTIONS: &str = "sovereign_gate_evictions_total";

pub(super) async fn run() -> Result<()> {
    let program = build::gate(Profile::Release).await?;
    let built = program.display().to_string();
    let options = StackOptions::default().gates(1).program(program).configure(|_, config| {
        // All sign-ins come from one address.
        let limits = config.entry("limits").or_insert_with(|| toml::Table::new().into());
        if let Some(limits) = limits.as_table_mut() {
            limits.extend(["per_ip_per_second", "burst"].map(|key| (key.to_owned(), 100_000.into())));
        }
    });
    let stack = Stack::start(options).await?;
    let measured = async {
        let one = measure(&stack, 1).await?.figures();
        Ok::<_, anyhow::Error>((one, measure(&stack, MAX_SIGN_INS).await?.figures()))
    };
    let measured = measured.await;
    stack.stop().await?;
    let (one, most) = measured?;
    println!(
        "\nfrom the transfer of the only card to the peer that is out, {HOLDERS} holders; gate: {built}"
    );
    for (sign_ins, figures) in [(1, one), (MAX_SIGN_INS, most)] {
        println!("  {sign_ins:>2} sign-ins: p50 {:>9.1} ms, p99 {:>9.1} ms", figures.p50_ms, figures.p99_ms);
    }
    report::write(
        "transfer",
        &json!({ "program": built, "holders": HOLDERS, "transfer_to_dropped": one,
            "sign_ins": MAX_SIGN_INS, "transfer_to_dropped_with_all_sign_ins": most }),
    )
}

/// Signs other wallets in for an account whose cards are gone when they are asked about.
async fn add_sign_ins(stack: &Stack, gate: &str, account: &str, count: usize) -> Result<()> {
    let ethereum = stack.ethereum()?;
    let ethereum = &ethereum;
    let added = futures::stream::iter(0..count).map(|_| async move {
        let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
        SignIn::at(gate)?.sign_in(&wallet, account).await?;
        ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card()).await
    });
    added.buffer_unordered(MAX_PARALLEL_SIGN_INS).try_collect().await
}

async fn measure(stack: &Stack, sign_ins: usize) -> Result<Sample> {
    let ethereum = stack.ethereum()?;
    let node = stack.info().nodes.first().context("no node")?;
    let gate = stack.info().gates.first().context("no gate")?;
    tracing::info!("letting {} holders in", HOLDERS + WARM_UP);
    let accounts = stack.hub().accounts("bench", HOLDERS + WARM_UP).await?;
    let sessions = accounts.iter().map(|account| stack.hub().direct_session(account, &node.address));
    let sessions = futures::future::try_join_all(sessions).await?;
    let mut wallets = Vec::new();
    for (account, session) in accounts.iter().zip(sessions) {
        let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
        SignIn::at(&gate.url)?.sign_in(&wallet, &account.address).await?;
        let handshake = account.wireguard_handshake(session)?;
        let answer = Caller::fresh()?.post(&format!("{}/", gate.url), &handshake).await?;
        answer.result().with_context(|| format!("session {session}"))?;
        add_sign_ins(stack, &gate.url, &account.address, sign_ins - 1).await?;
        wallets.push(wallet);
    }
    let caller = Caller::anywhere()?;
    let mut sample = Sample::default();
    for (round, wallet) in wallets.iter().enumerate() {
        let before = evicted(&caller, &gate.admin).await?;
        let begun = Instant::now();
        let sale = ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card());
        let out = async {
            while evicted(&caller, &gate.admin).await? == before {
                ensure!(begun.elapsed() < EVICTION_TIMEOUT, "the peer is not taken out");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(begun.elapsed())
        };
        let ((), took) = tokio::try_join!(sale, out)?;
        if round >= WARM_UP {
            sample.add(took);
        }
    }
    Ok(sample)
}

/// How many peers the gate has taken out, as its metrics say.
async fn evicted(caller: &Caller, admin: &str) -> Result<u64> {
    let answer = caller.get(&format!("{admin}/metrics")).await?;
    let text = String::from_utf8(answer.bytes)?;
    let counts = text.lines().filter(|line| line.starts_with(EVICTIONS)).map(|line| line.rsplit(' ').next());
    Ok(counts.flatten().filter_map(|count| count.parse::<u64>().ok()).sum())
}
