//! Access against a real EVM: valid and invalid cards and delegations, and the cost of each decision.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cost;
mod delegate_xyz;
mod differential;
mod entitlement_queries;
mod faults;
mod fixture;
mod governed;
mod on_chain;
mod own_cards;
mod proxy;
mod random_scenarios;
mod reorg;
mod six529;
mod spam;
mod standing;
