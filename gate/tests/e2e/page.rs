//! The sign-in page in a real browser.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;
use sentinel_stack::prerequisites::{self, Need};
use serde_json::Value;
use tokio::process::Command;

use crate::trial::{Trial, trials};
use crate::world::{World, public_url, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_page_in_a_browser]
}

/// All visits come from one address, so they run one after the other.
async fn the_page_in_a_browser(world: &World) -> Result<()> {
    tokio::task::spawn_blocking(|| prerequisites::ensure(&[Need::Browser])).await??;
    let (ethereum, account) = (&world.ethereum, some_account());
    let holder = ethereum.holder(&[ethereum.this_card()]).await?;
    let seen = visit(world, &holder, &account, &["--expect-tier", "free"]).await?;
    ensure!(seen["account"] == account && seen["devices"] == "0 of 3 in use", "the page shows {seen}");
    visit(world, &holder, &account, &["--expect-tier", "free", "--end"]).await?;
    visit(world, &holder, &account, &["--expect-tier", "free", "--no-storage", "--end"]).await?;
    visit(world, &holder, &account, &["--expect-tier", "free", "--decline"]).await?;
    visit(world, &Wallet::fresh(), &account, &["--expect-tier", "denied"]).await?;

    let (vault, hot, _) = world.delegated().await?;
    let named = vault.address().to_string();
    visit(world, &hot, &account, &["--expect-tier", "paid", "--vault", &named]).await?;

    let busy = ethereum.holder(&[ethereum.other_card()]).await?;
    for _ in 0..6 {
        world.bind(world.gate(), &busy, &some_account()).await?;
    }
    visit(world, &busy, &account, &["--expect-tier", "paid", "--expect-code", "119"]).await.map(drop)
}

/// Runs the browser; returns what the page shows.
async fn visit(world: &World, wallet: &Wallet, account: &str, expected: &[&str]) -> Result<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/run.mjs");
    let (url, key) = (public_url(world.gate())?, wallet.key().to_string());
    let output = Command::new("node")
        .args([script, "--url", &url, "--account", account, "--key", &key])
        .args(expected)
        .kill_on_drop(true)
        .output()
        .await
        .context("node cannot be run")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{expected:?}: {}\n{out}\n{err}", output.status);
    serde_json::from_str(out.trim()).with_context(|| format!("not what it prints: {out}"))
}
