//! End-to-end tests, from the contracts on a real anvil to the plan on the real hub: `cargo test -p bridge-oracle
//! --features anvil,hub --test whole`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

mod approval;
#[allow(dead_code, reason = "shared with the tests of the hub's side, which use all of it")]
#[path = "../hub/chain.rs"]
mod chain;
mod commands;
mod crash;
#[allow(dead_code, reason = "shared with the tests of Ethereum's side, which use all of it")]
#[path = "../ethereum/fixture.rs"]
mod ethereum_fixture;
mod faults;
mod fixture;
#[allow(dead_code, reason = "shared with the tests of the hub's side, which use all of it")]
#[path = "../hub/fixture.rs"]
mod hub_fixture;
mod scenarios;
mod service;
