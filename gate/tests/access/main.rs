//! Access against a real EVM: every kind of card and delegation, good and bad, and what each decision costs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cost;
mod delegate_xyz;
mod differential;
mod faults;
mod governed;
mod on_chain;
mod own_cards;
mod proxy;
mod questions;
mod reorg;
mod six529;
mod spam;
mod standing;
mod town;
mod worlds;
