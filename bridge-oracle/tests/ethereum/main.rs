//! Tests of standing and approval with the real contracts on a real anvil.
#![allow(clippy::unwrap_used, reason = "tests")]

mod approval;
mod finality;
mod fixture;
mod follow;
mod providers;
