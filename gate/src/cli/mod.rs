//! Commands, and what their exit codes mean: 0 done, 1 failed, 64 usage, 69 a service is unavailable,
//! 77 not permitted, 78 configuration.

// The command line is the one room that prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod check;
mod init;
mod operate;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use sovereign_gate::config::{Config, ConfigError};
use sovereign_gate::run::{self, StartError};

use self::operate::Gate;

const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const NOT_PERMITTED: u8 = 77;
const CONFIGURATION: u8 = 78;

/// Gates a Sentinel node by The Memes by 6529: holders of a card pass with their stock client.
#[derive(Debug, Parser)]
#[command(name = "sovereign-gate", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Home of configuration, certificate and database [default: ~/.sovereign-gate]
    #[arg(long, global = true, env = "SOVEREIGN_GATE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented config.toml into the home
    Init(init::Init),
    /// Run the gate until it is interrupted
    Start,
    /// Validate the configuration without touching the network, and print what is effective
    Check(check::Check),
    /// List or drop the sessions of the running gate
    #[command(subcommand)]
    Sessions(operate::Sessions),
    /// Admit nobody new; tunnels stay
    Pause(operate::Pause),
    /// Admit nobody new and end all tunnels
    Lockdown(operate::Why),
    /// Let the running gate read its policy again: tiers, devices, probes, denials
    Reload,
    /// Print what the operator did and why
    Audit(operate::Audit),
    /// Export or erase what is kept of one wallet
    #[command(subcommand)]
    Holder(operate::Holder),
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
        None => std::env::home_dir().context("no home directory: give --home")?.join(".sovereign-gate"),
    };
    match arguments.command {
        Command::Init(init) => init.run(&home)?,
        Command::Check(check) => return check.run(&home),
        Command::Start => {
            let config = Config::load(&home)?;
            tokio::runtime::Runtime::new()?.block_on(run::start(&home, config))?;
        }
        Command::Sessions(command) => return Gate::of(&home)?.sessions(&command),
        Command::Pause(pause) => return Gate::of(&home)?.pause(&pause),
        Command::Lockdown(why) => return Gate::of(&home)?.lock_down(&why),
        Command::Reload => return Gate::of(&home)?.reload(),
        Command::Audit(audit) => return Gate::of(&home)?.audit(&audit),
        Command::Holder(command) => return Gate::of(&home)?.holder(&command),
        Command::Version { json } => version(json),
    }
    Ok(ExitCode::SUCCESS)
}

fn version(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        println!("{}", serde_json::json!({ "name": "sovereign-gate", "version": version }));
    } else {
        println!("sovereign-gate {version}");
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
    eprintln!("sovereign-gate: {error:#}");
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let start = error.downcast_ref::<StartError>();
    if error.is::<ConfigError>() || start.is_some_and(StartError::is_configuration) {
        CONFIGURATION
    } else if start.is_some_and(StartError::is_unavailable) {
        UNAVAILABLE
    } else if error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(not_permitted) {
        NOT_PERMITTED
    } else {
        1
    }
}

fn not_permitted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
