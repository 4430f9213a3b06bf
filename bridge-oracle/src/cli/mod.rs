//! Subcommands. [`service_runtime::exit`] documents the exit codes.

// The command line is the only module that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod context;
mod doctor;
mod exit;
mod governed;
mod grants;
mod init;
mod show;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_runtime::causes::with_causes;
use service_runtime::command;

/// Makes the provider's plans on the Sentinel Hub follow the standing of nodes on Ethereum.
#[derive(Debug, Parser)]
#[command(name = "bridge-oracle", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Home of configuration, key and journal [default: ~/.bridge-oracle]
    #[arg(long, global = true, env = "BRIDGE_ORACLE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write both configuration files and a new key into the home
    Init(init::Init),
    /// Run rounds until interrupted
    Start(start::Start),
    /// Show what the next round would do, with a reason for each action; changes nothing
    Plan(show::Show),
    /// Explain one node: its standing, its state on the hub, and the resulting actions
    Why(show::Why),
    /// Show a summary of both chains, approval and budget
    Status(show::Show),
    /// Write the transaction by which the provider's account grants the oracle's key its permissions
    Grants(grants::Grants),
    /// Check on the hub what the key can do and what it cannot, and warn of grants that expire soon
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// The governed configuration and its approval
    #[command(subcommand)]
    Config(governed::Command),
    /// Print the version
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let home = command::resolve_home(arguments.home, ".bridge-oracle")?;
    match arguments.command {
        Command::Init(init) => init.run(&home)?,
        Command::Start(start) => start.run(&home)?,
        Command::Plan(show) => return show.plan(&home),
        Command::Why(why) => why.run(&home)?,
        Command::Status(show) => return show.status(&home),
        Command::Grants(arguments) => block_on(grants::run(&home, arguments))??,
        Command::Doctor { json } => return block_on(doctor::run(&home, json))?,
        Command::Config(command) => return command.run(&home),
        Command::Version { json } => {
            println!("{}", command::version_text("bridge-oracle", env!("CARGO_PKG_VERSION"), json));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `work` on a new Tokio runtime.
fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Runtime::new()?.block_on(work))
}

/// Prints the error and returns its exit code.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("bridge-oracle: {}", with_causes(error.as_ref()));
    ExitCode::from(exit::exit_code(error))
}
