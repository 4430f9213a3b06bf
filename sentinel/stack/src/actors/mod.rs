//! Users of the network: their wallets, accounts, HTTP clients and stock clients.
//!
//! All actions use public interfaces: JSON-RPC, the command of the hub, HTTP, the stock client.

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
