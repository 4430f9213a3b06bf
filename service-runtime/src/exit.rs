//! Exit codes of commands, after sysexits.h.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;

/// Any other failure.
pub const FAILED: u8 = 1;
/// The command line is invalid.
pub const USAGE: u8 = 64;
/// A required service does not answer.
pub const UNAVAILABLE: u8 = 69;
/// The system or another service denied permission.
pub const NOT_PERMITTED: u8 = 77;
/// The configuration is invalid.
pub const CONFIGURATION: u8 = 78;

/// Prints help or the error of the command line and returns the exit code.
pub fn usage(error: &clap::Error) -> ExitCode {
    // A failure to print cannot be reported.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Returns whether `cause` is the system's "permission denied".
pub fn is_not_permitted(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
