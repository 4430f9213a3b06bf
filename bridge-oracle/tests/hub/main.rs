//! Tests of submission with the real hub: `cargo test -p bridge-oracle --features hub --test hub`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

mod chain;
mod commands;
mod crash;
mod faults;
mod fixture;
mod power;
mod rounds;
