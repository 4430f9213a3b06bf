//! The people of the network: what they do with their wallets, their accounts, their browsers and their clients.
//!
//! Everything here goes through the front doors: JSON-RPC, the hub's own command, HTTP, the stock client.

mod account;
mod client;
mod ethereum;
mod http;
mod hub;
mod signin;
mod wallet;

pub use account::{Account, Handshake};
pub use client::{Client, Refusal, Tunnel};
pub use ethereum::Ethereum;
pub use http::{Answer, Caller};
pub use hub::Hub;
pub use signin::{Challenge, SignIn};
pub use wallet::Wallet;

use anyhow::Result;

use crate::Stack;

impl Stack {
    /// The EVM chain and the people on it.
    pub fn ethereum(&self) -> Result<Ethereum> {
        Ethereum::on(&self.info().ethereum)
    }

    /// The hub and its accounts.
    pub fn hub(&self) -> &Hub {
        &self.accounts
    }

    /// The sign-in of the first gate, from a source address of its own.
    pub fn sign_in(&self) -> Result<SignIn> {
        let gate = self.info().gates.first().ok_or_else(|| anyhow::anyhow!("this network has no gate"))?;
        SignIn::at(&gate.url)
    }

    /// A holder's machine with the stock client, in a namespace and with an address of its own.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::on(self.machine().await?))
    }
}
