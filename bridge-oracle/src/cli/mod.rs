//! Commands, and what their exit codes mean: 0 done, 1 failed, 64 usage, 69 a service is unavailable,
//! 77 not permitted, 78 configuration.

// The command line is the one room that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod doctor;
mod grants;
mod parts;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bridge_oracle::config::ConfigError;
use bridge_oracle::policy::PolicyError;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

const USAGE: u8 = 64;
const NOT_PERMITTED: u8 = 77;
const CONFIGURATION: u8 = 78;

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
    /// Write the transaction by which the provider's account grants this oracle what it needs
    Grants(grants::Grants),
    /// Prove on the hub what the key can do and what it cannot, and warn of what ends soon
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the version
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let home = match arguments.home {
        Some(home) => home,
        None => std::env::home_dir().context("no home directory: give --home")?.join(".bridge-oracle"),
    };
    match arguments.command {
        Command::Grants(arguments) => runtime()?.block_on(grants::run(&home, arguments))?,
        Command::Doctor { json } => return runtime()?.block_on(doctor::run(&home, json)),
        Command::Version { json } => version(json),
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("no runtime")
}

fn version(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        println!("{}", serde_json::json!({ "name": "bridge-oracle", "version": version }));
    } else {
        println!("bridge-oracle {version}");
    }
}

/// Says what is wrong with the command line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said where nothing can be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Says what went wrong.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("bridge-oracle: {error:#}");
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() || error.is::<PolicyError>() {
        CONFIGURATION
    } else if error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(not_permitted) {
        NOT_PERMITTED
    } else {
        1
    }
}

fn not_permitted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
