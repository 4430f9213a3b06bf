//! The hub's own command, with its answers parsed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use super::{CHAIN_ID, DENOM};

/// How long a transaction may take to be in a block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(20);

/// `sentinelhub`, pointed at the local chain.
#[derive(Debug, Clone)]
pub struct Cli {
    binary: PathBuf,
    home: PathBuf,
    rpc: String,
}

/// A successful transaction in a block.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The whole answer of `query tx`.
    pub answer: Value,
}

impl Transaction {
    /// The attribute of all events of this type; the hub's typed events carry JSON in it, here without quotes.
    pub fn attributes(&self, event: &str, key: &str) -> Vec<String> {
        let events = self.answer["events"].as_array().into_iter().flatten();
        let attributes = events.filter(|e| e["type"] == event).filter_map(|e| e["attributes"].as_array());
        let values = attributes.flatten().filter(|a| a["key"] == key).filter_map(|a| a["value"].as_str());
        values.map(|value| value.trim_matches('"').to_owned()).collect()
    }

    /// The attribute of the first event of this type.
    pub fn attribute(&self, event: &str, key: &str) -> Result<String> {
        let first = self.attributes(event, key).into_iter().next();
        first.with_context(|| format!("the transaction has no {key} in {event}"))
    }

    /// The same as a number.
    pub fn number(&self, event: &str, key: &str) -> Result<u64> {
        let text = self.attribute(event, key)?;
        text.parse().with_context(|| format!("{key} of {event} is not a number: {text}"))
    }
}

impl Cli {
    pub(super) fn new(binary: PathBuf, home: PathBuf, rpc: String) -> Self {
        Self { binary, home, rpc }
    }

    /// Where the keyring is.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// `query ARGS`, as JSON.
    pub async fn query(&self, args: &[&str]) -> Result<Value> {
        let output =
            self.run(&[&["query"], args, &["--node", &self.rpc, "--output", "json"]].concat()).await?;
        serde_json::from_str(&output).with_context(|| format!("`query {}` gave no JSON", args.join(" ")))
    }

    /// Creates a key and gives its account.
    pub async fn add_key(&self, name: &str) -> Result<String> {
        let backend = ["--keyring-backend", "test", "--output", "json"];
        let output = self.run(&[&["keys", "add", name], backend.as_slice()].concat()).await?;
        let key: Value = serde_json::from_str(&output).context("`keys add` gave no JSON")?;
        Ok(key["address"].as_str().context("`keys add` gave no address")?.to_owned())
    }

    /// Puts a secp256k1 key under a name and gives its account.
    pub async fn import_key(&self, name: &str, key: &str) -> Result<String> {
        let key = key.trim_start_matches("0x");
        self.run(&["keys", "import-hex", name, key, "--keyring-backend", "test"]).await?;
        let output = self.run(&["keys", "show", name, "--address", "--keyring-backend", "test"]).await?;
        Ok(output.trim().to_owned())
    }

    /// `tx ARGS`, signed with the key `from`; waits until it is in a block. A refusal is an error with its text.
    pub async fn transact(&self, from: &str, args: &[&str]) -> Result<Transaction> {
        let (gas, price) = ("1500000", format!("0.1{DENOM}"));
        let flags = ["--from", from, "--gas", gas, "--gas-prices", &price, "--output", "json", "--yes"];
        let common = ["--keyring-backend", "test", "--chain-id", CHAIN_ID, "--node", &self.rpc];
        let output = self.run(&[&["tx"], args, &flags, &common].concat()).await?;
        self.included(&output).await.with_context(|| format!("transaction `{}` of {from}", args.join(" ")))
    }

    /// Signs these messages as one transaction and waits until it is in a block.
    pub async fn transact_messages(&self, from: &str, messages: &[Value]) -> Result<Transaction> {
        let gas = 1_500_000 + 300_000 * messages.len();
        let fee = serde_json::json!({
            "amount": [{ "denom": DENOM, "amount": (gas / 10).to_string() }],
            "gas_limit": gas.to_string(), "payer": "", "granter": "",
        });
        let unsigned = serde_json::json!({
            "body": { "messages": messages, "memo": "", "timeout_height": "0",
                "extension_options": [], "non_critical_extension_options": [] },
            "auth_info": { "signer_infos": [], "fee": fee }, "signatures": [],
        });
        let dir = tempfile::tempdir()?;
        let (plain, signed) = (dir.path().join("tx.json"), dir.path().join("signed.json"));
        std::fs::write(&plain, serde_json::to_vec(&unsigned)?)?;
        let (plain, signed) = (plain.display().to_string(), signed.display().to_string());
        let common = ["--keyring-backend", "test", "--chain-id", CHAIN_ID, "--node", &self.rpc];
        self.run(
            &[&["tx", "sign", &plain, "--from", from, "--output-document", &signed], common.as_slice()]
                .concat(),
        )
        .await?;
        // It writes enums by names that it does not read: put the messages back as they were.
        let mut transaction: Value = serde_json::from_slice(&std::fs::read(&signed)?)?;
        transaction["body"]["messages"] = messages.into();
        std::fs::write(&signed, serde_json::to_vec(&transaction)?)?;
        let output = self.run(&["tx", "broadcast", &signed, "--node", &self.rpc, "--output", "json"]).await?;
        self.included(&output).await.with_context(|| format!("transaction with {} messages", messages.len()))
    }

    /// Waits until the chain is at this height or above.
    pub async fn wait_for_block(&self, height: u64) -> Result<()> {
        let deadline = Instant::now() + INCLUSION_TIMEOUT;
        loop {
            let at = self.height().await;
            if at.as_ref().is_ok_and(|at| *at >= height) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the hub does not reach block {height}, it is at {at:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The height of the chain.
    pub async fn height(&self) -> Result<u64> {
        let status: Value = serde_json::from_str(&self.run(&["status", "--node", &self.rpc]).await?)?;
        let height = status["SyncInfo"]["latest_block_height"].as_str().and_then(|text| text.parse().ok());
        height.with_context(|| format!("the hub's status has no height: {status}"))
    }

    async fn included(&self, broadcast: &str) -> Result<Transaction> {
        let answer: Value = serde_json::from_str(broadcast).context("the broadcast gave no JSON")?;
        refuse_failed(&answer)?;
        let hash = answer["txhash"].as_str().context("the broadcast gave no hash")?;
        let deadline = Instant::now() + INCLUSION_TIMEOUT;
        loop {
            match self.query(&["tx", hash]).await {
                Ok(answer) => {
                    refuse_failed(&answer)?;
                    return Ok(Transaction { answer });
                }
                Err(error) if Instant::now() > deadline => return Err(error.context("it is in no block")),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    pub(super) async fn run(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.binary)
            .args(args)
            .arg("--home")
            .arg(&self.home)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot run {}", self.binary.display()))?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            let reason = err.lines().find(|line| line.starts_with("Error")).unwrap_or(&err);
            bail!("`sentinelhub {}`: {reason}", args.join(" "));
        }
        // Some commands print their result to stderr.
        Ok(if out.trim().is_empty() { err.into_owned() } else { out.into_owned() })
    }
}

fn refuse_failed(answer: &Value) -> Result<()> {
    if answer["code"].as_i64() == Some(0) {
        return Ok(());
    }
    bail!("refused: {} {}", answer["codespace"], answer["raw_log"])
}
