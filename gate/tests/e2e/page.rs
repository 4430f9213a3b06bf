//! The sign-in page in a real browser.

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Wallet;
use sentinel_stack::prerequisites::{self, Need};
use serde_json::Value;
use tokio::process::Command;

use crate::fixture::{Fixture, public_url, random_account};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![signs_in_with_a_browser]
}

/// All visits come from one address, so they run one after the other.
async fn signs_in_with_a_browser(fixture: &Fixture) -> Result<()> {
    tokio::task::spawn_blocking(|| prerequisites::ensure(&[Need::Browser])).await??;
    let (ethereum, account) = (&fixture.ethereum, random_account());
    let holder = ethereum.holder(&[ethereum.this_card()]).await?;
    let page = visit_page(fixture, &holder, &account, &["--expect-tier", "free"]).await?;
    ensure!(page["account"] == account && page["devices"] == "0 of 3 in use", "the page shows {page}");
    visit_page(fixture, &holder, &account, &["--expect-tier", "free", "--end"]).await?;
    visit_page(fixture, &holder, &account, &["--expect-tier", "free", "--no-storage", "--end"]).await?;
    visit_page(fixture, &holder, &account, &["--expect-tier", "free", "--decline"]).await?;
    visit_page(fixture, &Wallet::fresh(), &account, &["--expect-tier", "denied"]).await?;

    let (vault, hot, _) = fixture.create_delegated_wallet().await?;
    let named = vault.address().to_string();
    visit_page(fixture, &hot, &account, &["--expect-tier", "paid", "--vault", &named]).await?;

    let busy = ethereum.holder(&[ethereum.other_card()]).await?;
    for _ in 0..6 {
        fixture.bind_account(fixture.gate(), &busy, &random_account()).await?;
    }
    visit_page(fixture, &busy, &account, &["--expect-tier", "paid", "--expect-code", "119"]).await.map(drop)
}

/// Runs the browser; returns what the page shows.
async fn visit_page(fixture: &Fixture, wallet: &Wallet, account: &str, expected: &[&str]) -> Result<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/run.mjs");
    let (url, key) = (public_url(fixture.gate())?, wallet.key().to_string());
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
