//! `bridge-oracle`: entry point. `run.rs` wires the program; everything else is in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use service_runtime::exit;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    cli::run(arguments).unwrap_or_else(|error| cli::report_failure(&error))
}
