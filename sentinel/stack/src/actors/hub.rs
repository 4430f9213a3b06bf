//! Accounts of the hub and their transactions.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::hub::{Cli, DENOM, FAUCET, PRICE, Transaction};

use super::{Account, Wallet};

const INITIAL_BALANCE: &str = "10000000000udvpn";

/// The hub, through its own command.
#[derive(Debug, Clone)]
pub struct Hub {
    cli: Cli,
    // One account sends one transaction at a time.
    faucet: Arc<Mutex<()>>,
}

impl Hub {
    pub(crate) fn new(cli: Cli) -> Self {
        Self { cli, faucet: Arc::default() }
    }

    /// The command, for everything that has no method here.
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// A new account with coins.
    pub async fn account(&self, name: &str) -> Result<Account> {
        let account = self.poor_account(name).await?;
        let _alone = self.faucet.lock().await;
        let args = ["bank", "send", FAUCET, &account.address, INITIAL_BALANCE];
        self.cli.transact(FAUCET, &args).await?;
        Ok(account)
    }

    /// Several new accounts, funded by one transaction.
    pub async fn accounts(&self, name: &str, count: usize) -> Result<Vec<Account>> {
        let mut accounts = Vec::new();
        for _ in 0..count {
            accounts.push(self.poor_account(name).await?);
        }
        let _alone = self.faucet.lock().await;
        let addresses = accounts.iter().map(|account| account.address.as_str());
        let args: Vec<&str> =
            ["bank", "multi-send", FAUCET].into_iter().chain(addresses).chain([INITIAL_BALANCE]).collect();
        self.cli.transact(FAUCET, &args).await?;
        Ok(accounts)
    }

    /// A new account that does not exist on the chain yet.
    pub async fn poor_account(&self, name: &str) -> Result<Account> {
        let wallet = Wallet::fresh();
        let key = format!("{name}-{}", hex_prefix(&wallet));
        let address = self.cli.import_key(&key, &wallet.key().to_string()).await?;
        Ok(Account { key, address, wallet })
    }

    /// Subscribes to a plan and gives the subscription.
    pub async fn subscribe(&self, account: &Account, plan: u64) -> Result<u64> {
        let args = ["vpn", "subscription", "start-subscription", &plan.to_string(), "--denom", DENOM];
        self.transact(account, &args).await?.number("sentinel.subscription.v3.EventCreate", "subscription_id")
    }

    /// Opens a session under a subscription.
    pub async fn start_session(&self, account: &Account, subscription: u64, node: &str) -> Result<u64> {
        let args = ["vpn", "subscription", "start-session", &subscription.to_string(), node];
        self.transact(account, &args)
            .await?
            .number("sentinel.subscription.v3.EventCreateSession", "session_id")
    }

    /// Subscribes to a plan and opens a session under it.
    pub async fn plan_session(&self, account: &Account, plan: u64, node: &str) -> Result<u64> {
        let subscription = self.subscribe(account, plan).await?;
        self.start_session(account, subscription, node).await
    }

    /// Opens a session that is paid to the node by the gigabyte.
    pub async fn direct_session(&self, account: &Account, node: &str) -> Result<u64> {
        self.direct_session_of(&account.key, node).await
    }

    /// The same for the account of any key in the keyring.
    pub async fn direct_session_of(&self, key: &str, node: &str) -> Result<u64> {
        let price = format!("{DENOM}:0,{PRICE}");
        let args = ["vpn", "node", "start-session", node, "--gigabytes", "1", "--max-price", &price];
        self.cli.transact(key, &args).await?.number("sentinel.node.v3.EventCreateSession", "session_id")
    }

    /// Opens many such sessions at once.
    pub async fn direct_sessions(&self, account: &Account, node: &str, count: usize) -> Result<Vec<u64>> {
        let message = json!({ "@type": "/sentinel.node.v3.MsgStartSessionRequest", "from": account.address,
            "node_address": node, "gigabytes": "1", "hours": "0",
            "max_price": { "denom": DENOM, "base_value": "0.000000000000000000", "quote_value": PRICE } });
        let transaction = self.cli.transact_messages(&account.key, &vec![message; count]).await?;
        let ids = transaction.attributes("sentinel.node.v3.EventCreateSession", "session_id");
        ids.iter().map(|id| id.parse().with_context(|| format!("not the id of a session: {id}"))).collect()
    }

    /// Ends a session.
    pub async fn cancel_session(&self, account: &Account, session: u64) -> Result<()> {
        self.transact(account, &["vpn", "session", "cancel-session", &session.to_string()]).await.map(drop)
    }

    /// A session as in the answer of the hub.
    pub async fn session(&self, session: u64) -> Result<Value> {
        self.cli.query(&["vpn", "session", &session.to_string()]).await
    }

    /// What an account owns of the coin.
    pub async fn balance(&self, address: &str) -> Result<u128> {
        let answer = self.cli.query(&["bank", "balances", address, "--denom", DENOM]).await?;
        let amount = answer["amount"].as_str().context("a balance has an amount")?;
        amount.parse().with_context(|| format!("not an amount: {amount}"))
    }

    /// `tx ARGS` of an account, in a block.
    pub async fn transact(&self, account: &Account, args: &[&str]) -> Result<Transaction> {
        self.cli.transact(&account.key, args).await
    }

    /// Waits until the chain has made this many blocks more.
    pub async fn wait_for_blocks(&self, blocks: u64) -> Result<()> {
        let status = self.cli.height().await?;
        if status == 0 {
            bail!("the hub makes no blocks");
        }
        self.cli.wait_for_block(status + blocks).await
    }
}

fn hex_prefix(wallet: &Wallet) -> String {
    wallet.address().to_string().chars().skip(2).take(8).collect()
}
