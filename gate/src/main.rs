//! `sovereign-gate`: the command line. Wiring is in `app.rs`, everything else in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use service_runtime::exit;

/// See `docs/decisions/0008-jemalloc.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    cli::run(arguments).unwrap_or_else(|error| cli::report_failure(&error))
}
