//! Commands of the program. [`exit`] defines their exit codes.

// Only the command line prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod check;
mod doctor;
mod init;
mod operator;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_runtime::causes::with_causes;
use service_runtime::command;
use service_runtime::exit;
use service_runtime::settings::{ConfigError, Settings as _};
use sovereign_gate::app::{self, StartError};
use sovereign_gate::config::Config;

use self::operator::GateClient;

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
    /// Validate the configuration without network access, and print the effective one
    Check(check::Check),
    /// Check every dependency of the gate, and whether the node is reachable around it
    Doctor(doctor::Doctor),
    /// List or drop the sessions of the running gate
    #[command(subcommand)]
    Sessions(operator::Sessions),
    /// Admit no new sessions; existing tunnels stay
    Pause(operator::Pause),
    /// Admit no new sessions and end all tunnels
    Lockdown(operator::ReasonArg),
    /// Reload the configuration of the running gate, and print which keys require a restart
    Reload,
    /// Print the audit log of operator actions
    Audit(operator::Audit),
    /// Export or erase the records of one wallet
    #[command(subcommand)]
    Holder(operator::Holder),
    /// Print the version
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let home = command::resolve_home(arguments.home, ".sovereign-gate")?;
    match arguments.command {
        Command::Init(init) => init.run(&home)?,
        Command::Check(check) => return check.run(&home),
        Command::Doctor(doctor) => return doctor.run(&home),
        Command::Start => {
            let config = Config::load(&home)?;
            tokio::runtime::Runtime::new()?.block_on(app::run(&home, config))?;
        }
        Command::Sessions(command) => return GateClient::of(&home)?.sessions(&command),
        Command::Pause(pause) => return GateClient::of(&home)?.pause(&pause),
        Command::Lockdown(why) => return GateClient::of(&home)?.lock_down(&why),
        Command::Reload => return GateClient::of(&home)?.reload(),
        Command::Audit(audit) => return GateClient::of(&home)?.audit(&audit),
        Command::Holder(command) => return GateClient::of(&home)?.holder(&command),
        Command::Version { json } => {
            println!("{}", command::version_text("sovereign-gate", env!("CARGO_PKG_VERSION"), json));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the error and returns its exit code.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("sovereign-gate: {}", with_causes(error.as_ref()));
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let start = error.downcast_ref::<StartError>();
    if start.is_some_and(StartError::is_unavailable) {
        exit::UNAVAILABLE
    } else if error.is::<ConfigError>() || start.is_some_and(StartError::is_configuration) {
        exit::CONFIGURATION
    } else if error.chain().any(exit::is_not_permitted) {
        exit::NOT_PERMITTED
    } else {
        exit::FAILED
    }
}
