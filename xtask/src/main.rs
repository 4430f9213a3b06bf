//! Development tasks: `cargo xtask demo | deps | test | bench | fuzz | stack`.
#![allow(clippy::print_stdout, reason = "what these tasks print is what they are for")]

mod bench;
mod build;
mod cargo;
mod demo;
mod deps;
#[cfg(test)]
mod docker_tests;
mod failures;
mod fuzz;
#[cfg(test)]
mod operator_tests;
mod progress;
mod stack;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Development tasks of this repository.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "SENTINEL_DVPNX_BIN makes the nodes real; SOVEREIGN_GATE_BIN names a gate that is built already."
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell what the gate is for, with real requests, payments and tunnels.
    Demo {
        /// Leave everything running until ctrl-c.
        #[arg(long)]
        keep: bool,
    },
    /// Print the crate and module graphs; fail on a cycle or a forbidden edge.
    Deps,
    /// Install what the other tasks need, and build the stock side.
    Prepare,
    /// Run every test.
    Test,
    /// Measure, print tables, and write JSON under target/bench/.
    Bench {
        /// Only this measurement.
        name: Option<bench::Name>,
        /// How long the soak takes.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
    },
    /// Feed noise to everything that reads what comes from outside.
    Fuzz(fuzz::Options),
    /// Start the whole local network and keep it running until ctrl-c.
    Stack {
        /// How many gates, each before a node of its own.
        #[arg(long, default_value_t = 1)]
        gates: usize,
        /// Where to write what is running where, once all of it is ready.
        #[arg(long, value_name = "PATH")]
        json: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    progress::install();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(run(Arguments::parse().task));
    // A step of an installation may still be under way; an interrupt does not wait for it.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| failed(&error))
}

async fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo { keep } => demo::run(keep).await,
        Task::Deps => deps::run(),
        Task::Prepare => test::prepare().await.map(|()| ExitCode::SUCCESS),
        Task::Test => test::run().await,
        Task::Bench { name, minutes } => bench::run(name, minutes).await,
        Task::Fuzz(options) => fuzz::run(options).await,
        Task::Stack { gates, json } => stack::run(gates, json.as_deref()).await,
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    tracing::error!("{error:#}");
    ExitCode::FAILURE
}
