//! `cargo xtask bench`: measurements against the running network, as tables and as JSON.

mod connections;
mod crates;
mod enforce;
mod handshake;
mod process;
mod report;
mod requests;
mod sample;
mod soak;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use sentinel_stack::interrupted;
use sentinel_stack::prerequisites::{self, Need};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// What the stock client does to connect, at the node and through the gate, in turns.
    Handshake,
    /// What admission, sign-in and cold decisions cost, without the network around them.
    Rooms,
    /// What a thousand nodes, and 300 changes on top, cost the oracle, and how soon an event is a link.
    Oracle,
    /// The gate as a process: start, memory, sign-ins a second.
    Process,
    /// From the transfer of the only card to the peer that is out of the tunnel, and what 10,000 sessions cost.
    Enforce,
    /// Mixed traffic at full speed for a long time; only when it is named.
    Soak,
}

/// Runs one measurement, or all but the soak.
pub(crate) async fn run(name: Option<Name>, minutes: u64) -> Result<ExitCode> {
    let usual = || Name::value_variants().iter().copied().filter(|name| *name != Name::Soak).collect();
    let names = name.map_or_else(usual, |name| vec![name]);
    tokio::select! {
        done = interrupted() => done.map(|()| ExitCode::from(130)),
        done = all(names, minutes) => done.map(|()| ExitCode::SUCCESS),
    }
}

async fn all(names: Vec<Name>, minutes: u64) -> Result<()> {
    for name in names {
        match name {
            Name::Handshake => handshake::run().await?,
            Name::Rooms => crates::run("sovereign-gate", "rooms", &[]).await?,
            Name::Oracle => oracle().await?,
            Name::Process => process::run().await?,
            Name::Enforce => {
                enforce::run().await?;
                crates::run("sovereign-gate", "enforce", &[]).await?;
            }
            Name::Soak => soak::run(minutes).await?,
        }
    }
    Ok(())
}

async fn oracle() -> Result<()> {
    tokio::task::spawn_blocking(|| prerequisites::ensure(&[Need::Network])).await??;
    crates::run("bridge-oracle", "oracle", &["anvil", "hub"]).await
}
