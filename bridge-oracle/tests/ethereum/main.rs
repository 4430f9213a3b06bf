//! Standing and approval, read from the real contracts on a real anvil.
#![allow(clippy::unwrap_used, reason = "tests")]

mod approval;
mod finality;
mod follow;
mod providers;
mod town;
