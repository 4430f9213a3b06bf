//! Sign-in of a holder at a gate.

use alloy::primitives::Address;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Caller, Wallet};

/// Challenge of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// The text to sign.
    pub message: String,
    /// Its nonce.
    pub nonce: String,
    /// Its expiry.
    pub expires_at: String,
}

/// The sign-in of one gate.
#[derive(Debug, Clone)]
pub struct SignIn {
    url: String,
    caller: Caller,
}

impl SignIn {
    /// At the gate with this URL.
    pub fn at(url: &str) -> Result<Self> {
        Ok(Self { url: url.trim_end_matches('/').to_owned(), caller: Caller::fresh()? })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// HTTP client of this sign-in.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Requests a challenge, signs it and binds. Fails with the message of the gate if it refuses.
    pub async fn sign_in(&self, wallet: &Wallet, account: &str) -> Result<Value> {
        let challenge = self.challenge(wallet.address(), account, None).await?;
        let answer = self.bind(&challenge.message, &wallet.sign(&challenge.message)?).await?;
        Ok(answer.result().context("sign-in")?.clone())
    }

    /// Requests a challenge; fails with the message of the gate if it refuses.
    pub async fn challenge(
        &self,
        wallet: Address,
        account: &str,
        vault: Option<Address>,
    ) -> Result<Challenge> {
        let answer = self.request_challenge(&wallet.to_string(), account, vault).await?;
        Ok(serde_json::from_value(answer.result().context("challenge")?.clone())?)
    }

    /// The same, with the answer as it came.
    pub async fn request_challenge(
        &self,
        wallet: &str,
        account: &str,
        vault: Option<Address>,
    ) -> Result<Answer> {
        let vault = vault.map(|vault| format!("&vault={vault}")).unwrap_or_default();
        self.caller
            .get(&format!("{}/gate/challenge?wallet={wallet}&account={account}{vault}", self.url))
            .await
    }

    /// Sends a signed message.
    pub async fn bind(&self, message: &str, signature: &str) -> Result<Answer> {
        let body = json!({ "message": message, "signature": signature });
        self.caller.post(&format!("{}/gate/bindings", self.url), &body).await
    }

    /// Eligibility of a wallet.
    pub async fn eligibility(&self, wallet: Address) -> Result<Answer> {
        self.caller.get(&format!("{}/gate/eligibility?wallet={wallet}", self.url)).await
    }

    /// The binding behind a token.
    pub async fn binding(&self, token: &str) -> Result<Answer> {
        let url = format!("{}/gate/binding", self.url);
        self.caller.send(self.caller.http().get(url).bearer_auth(token)).await
    }

    /// Ends the binding behind a token.
    pub async fn unbind(&self, token: &str) -> Result<Answer> {
        let url = format!("{}/gate/binding", self.url);
        self.caller.send(self.caller.http().delete(url).bearer_auth(token)).await
    }
}
