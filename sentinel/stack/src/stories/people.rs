//! Participant of a story: an account with coins, and a machine with the stock client.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Ending;
use crate::Stack;
use crate::actors::{Account, Client, Refusal, Wallet};

pub(super) struct Participant<'a> {
    stack: &'a Stack,
    client: Client,
    pub(super) account: Account,
}

impl<'a> Participant<'a> {
    pub(super) async fn arrive(stack: &'a Stack, name: &str) -> Result<Self> {
        let (account, client) = tokio::try_join!(stack.hub().account(name), stack.client())?;
        Ok(Self { stack, client, account })
    }

    /// Signs in at the gate; gives the binding.
    pub(super) async fn sign_in(&self, wallet: &Wallet) -> Result<Value> {
        self.stack.sign_in()?.sign_in(wallet, &self.account.address).await
    }

    /// Opens a session that is paid directly.
    pub(super) async fn direct_session(&self) -> Result<u64> {
        self.stack.hub().direct_session(&self.account, self.node()?).await
    }

    /// Opens a session under a plan.
    pub(super) async fn plan_session(&self, plan: u64) -> Result<u64> {
        self.stack.hub().plan_session(&self.account, plan, self.node()?).await
    }

    /// Connects with the stock client; there must be a tunnel.
    pub(super) async fn must_connect(&self, session: u64, tier: &str, paid: &str) -> Result<Ending> {
        let tunnel = self.connect(session).await?.context("the gate refused")?;
        let ping = self.client.ping(&tunnel, Duration::from_secs(5)).await?;
        self.client.disconnect(&tunnel).await?;
        Ok(Ending::Tunnel { tier: tier.to_owned(), session: format!("session {session}, {paid}"), ping })
    }

    /// Connects with the stock client; the gate must refuse with this code.
    pub(super) async fn must_be_refused(&self, session: u64, code: u64) -> Result<Ending> {
        match self.connect(session).await? {
            Err(refusal) if refusal.code() == Some(code) => Ok(Ending::Refused { refusal }),
            Err(refusal) => bail!("refused, but not with code {code}: {refusal}"),
            Ok(_) => bail!("got a tunnel instead of a refusal with code {code}"),
        }
    }

    async fn connect(&self, session: u64) -> Result<Result<crate::actors::Tunnel, Refusal>> {
        let gate = self.stack.info().gates.first().context("this network has no gate")?;
        self.client.connect(&gate.url, session, &self.account, self.node()?).await
    }

    fn node(&self) -> Result<&'a str> {
        Ok(&self.stack.info().nodes.first().context("this network has no node")?.address)
    }
}
