//! `sovereign-gate doctor` reports a healthy network as good and every fault as bad.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use tokio::process::Command;

use crate::trial::{Trial, trials};
use crate::world::{World, contract, rewrite, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_doctor_asks_everything_and_says_what_is_wrong]
}

/// Name, verdict and finding of every check, and the exit code.
async fn examine(gate: &GateInfo) -> Result<(Vec<(String, String, String)>, Option<i32>)> {
    let doctor = Command::new(env!("CARGO_BIN_EXE_sovereign-gate"))
        .args(["--home", &gate.home, "doctor", "--json"])
        .output()
        .await?;
    let checks: Vec<Value> = serde_json::from_slice(&doctor.stdout)
        .with_context(|| String::from_utf8_lossy(&doctor.stderr).into_owned())?;
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks =
        checks.iter().map(|check| (text(check, "name"), text(check, "verdict"), text(check, "found")));
    Ok((checks.collect(), doctor.status.code()))
}

fn verdict<'a>(checks: &'a [(String, String, String)], name: &str) -> Result<(&'a str, &'a str)> {
    let found = checks.iter().find(|(checked, ..)| checked.starts_with(name));
    let (_, verdict, found) = found.with_context(|| format!("{name} is not in {checks:?}"))?;
    Ok((verdict, found))
}

async fn the_doctor_asks_everything_and_says_what_is_wrong(world: &World) -> Result<()> {
    let (checks, _) = examine(world.gate()).await?;
    for good in [
        "ethereum 127.0.0.1",
        "memes.contract",
        "delegation.nft_delegation",
        "multicall",
        "hub http",
        "node",
        "node on the hub",
        "advertised",
        "around the gate",
    ] {
        let (verdict, found) = verdict(&checks, good)?;
        ensure!(verdict == "good", "{good} is {verdict}: {found}");
    }

    let nodes = contract(world, "NodeRegistry")?;
    let gate = world.gate_with("gate-ill", |_| {}).await?;
    rewrite(&gate, |config| {
        let rpc = world.stack.info().ethereum.rpc.clone();
        set(config, "ethereum", "rpc_addrs", vec![rpc, "http://127.0.0.1:9".into()]);
        set(config, "delegation", "delegate_registry", "0x00000000000000000000000000000000000000aa");
        set(config, "registry", "contract", nodes.to_string());
        set(config, "policy", "require_standing", true);
    })?;
    let (checks, code) = examine(&gate).await?;
    ensure!(code == Some(1), "ended with {code:?}");
    for (name, words) in [
        ("ethereum 127.0.0.1:9", ""),
        ("delegation.delegate_registry", "no contract at"),
        ("standing", "not registered on Ethereum"),
    ] {
        let (verdict, found) = verdict(&checks, name)?;
        ensure!(verdict == "bad" && found.contains(words), "{name} is {verdict}: {found}");
    }
    Ok(())
}
