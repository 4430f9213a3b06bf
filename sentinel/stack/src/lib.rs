//! The local network of tests and demo: an EVM chain, the real hub, nodes, gates and stock clients.
//!
//! [`Stack::start`] starts it, [`Stack::info`] describes it, [`actors`] are its users, and the controls of [`Stack`]
//! inject faults. Processes and network interfaces are removed even if this program is killed.

pub mod actors;
mod client;
mod control;
mod ethereum;
mod gate;
mod http;
mod hub;
pub mod info;
mod net;
mod node;
mod options;
pub mod paths;
pub mod prerequisites;
mod process;
mod run_directory;
mod stack;
mod startup;
pub mod stories;

pub use control::MovableClock;
pub use ethereum::{CHAIN_ID as ETHEREUM_CHAIN_ID, npm_binary};
pub use gate::NETWORK;
pub use hub::{CHAIN_ID as HUB_CHAIN_ID, Cli, DENOM, FUNDS, Solo, Transaction};
pub use info::StackInfo;
pub use net::Namespace;
pub use node::Node;
pub use options::StackOptions;
pub use stack::{Stack, interrupted};
