//! The whole way, from the contracts on a real anvil to the plan on the real hub:
//! `cargo test -p bridge-oracle --features anvil,hub --test whole`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

mod approval;
#[allow(dead_code, reason = "shared with the tests of the hub's side, which use all of it")]
#[path = "../hub/chain.rs"]
mod chain;
mod commands;
#[allow(dead_code, reason = "shared with the tests of Ethereum's side, which use all of it")]
#[path = "../ethereum/town.rs"]
mod contracts;
mod crash;
mod faults;
mod service;
mod stories;
#[allow(dead_code, reason = "shared with the tests of the hub's side, which use all of it")]
#[path = "../hub/town.rs"]
mod town;
mod world;
