//! Genesis state of the chain.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{CHAIN_ID, Cli, DENOM, FUNDS};

const SELF_BOND: &str = "1000000000000udvpn";
const VALIDATOR: &str = "validator";

/// Limits that differ from the defaults of the hub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long an ended session stays on the chain.
    pub(crate) session_timeout: Duration,
}

/// A home that is being prepared.
pub(crate) struct Genesis {
    cli: Cli,
    home: PathBuf,
    validator: String,
}

impl Genesis {
    /// Creates the home and the validator's key.
    pub(super) async fn init(binary: &Path, home: &Path) -> Result<Self> {
        let cli = Cli::new(binary.to_owned(), home.to_owned(), String::new());
        cli.run(&["init", "local", "--chain-id", CHAIN_ID, "--default-denom", DENOM]).await?;
        let validator = cli.add_key(VALIDATOR).await?;
        Ok(Self { cli, home: home.to_owned(), validator })
    }

    /// Makes keys of these names, at the same time.
    pub(super) async fn add_keys(
        &self,
        names: impl Iterator<Item = &str>,
    ) -> Result<BTreeMap<String, String>> {
        let keys = names.map(async |name| Ok((name.to_owned(), self.cli.add_key(name).await?)));
        futures::future::try_join_all(keys).await.map(BTreeMap::from_iter)
    }

    /// Writes the accounts and limits, and seals it with the validator's stake.
    pub(super) async fn finish<'a>(
        &'a self,
        accounts: impl Iterator<Item = &'a String>,
        limits: Limits,
    ) -> Result<()> {
        let path = self.home.join("config/genesis.json");
        let mut genesis: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let state = &mut genesis["app_state"];
        for address in accounts.chain([&self.validator]) {
            fund(state, address)?;
        }
        apply(limits, &mut state["vpn"]);
        std::fs::write(&path, serde_json::to_vec(&genesis)?)?;
        let backend = ["--keyring-backend", "test", "--chain-id", CHAIN_ID];
        self.cli.run(&[&["genesis", "gentx", VALIDATOR, SELF_BOND], backend.as_slice()].concat()).await?;
        self.cli.run(&["genesis", "collect-gentxs"]).await?;
        // Last: every one of these commands sets the block time back to that of the live network.
        shorten_blocks(&self.home)
    }
}

/// A block each half a second.
pub(super) fn shorten_blocks(home: &Path) -> Result<()> {
    let path = home.join("config/config.toml");
    let text = std::fs::read_to_string(&path)?;
    let mut config: toml::Table = text.parse().context("the hub's config.toml")?;
    let consensus =
        config.get_mut("consensus").and_then(toml::Value::as_table_mut).context("no [consensus]")?;
    consensus.insert("timeout_commit".to_owned(), "500ms".into());
    std::fs::write(&path, config.to_string())?;
    Ok(())
}

/// Funds an account in the genesis state.
pub(super) fn fund(state: &mut Value, address: &str) -> Result<()> {
    let account = json!({ "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": address,
        "pub_key": null, "account_number": "0", "sequence": "0" });
    let balance = json!({ "address": address, "coins": [{ "denom": DENOM, "amount": FUNDS.to_string() }] });
    state["auth"]["accounts"].as_array_mut().context("genesis has no accounts")?.push(account);
    state["bank"]["balances"].as_array_mut().context("genesis has no balances")?.push(balance);
    Ok(())
}

/// Applies the limits. The defaults of the hub end nodes, sessions and subscriptions within a minute or two, which is
/// too short for manual use.
fn apply(limits: Limits, vpn: &mut Value) {
    for module in ["node", "subscription"] {
        vpn[module]["params"]["status_timeout"] = json!("86400s");
    }
    vpn["session"]["params"]["status_timeout"] = json!(format!("{}s", limits.session_timeout.as_secs()));
    for module in ["lease", "session"] {
        vpn[module]["params"]["max_hours"] = json!("720");
    }
    denominate(vpn);
}

/// Sets deposits and minimum prices in [`super::DENOM`].
pub(super) fn denominate(vpn: &mut Value) {
    for module in ["node", "provider"] {
        vpn[module]["params"]["deposit"]["denom"] = json!(DENOM);
    }
    for prices in ["min_gigabyte_prices", "min_hourly_prices"] {
        vpn["node"]["params"][prices][0]["denom"] = json!(DENOM);
    }
}
