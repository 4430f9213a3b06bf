//! `bridge-oracle`: the command line. Wiring is in `run.rs`, everything else in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use service_runtime::exit;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    cli::run(arguments).unwrap_or_else(|error| cli::failed(&error))
}
