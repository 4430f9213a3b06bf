//! What a command's exit code means. After sysexits.h.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;

/// It did not work.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 64;
/// A service that is needed does not answer.
pub const UNAVAILABLE: u8 = 69;
/// The system or another service does not permit it.
pub const NOT_PERMITTED: u8 = 77;
/// The configuration is wrong.
pub const CONFIGURATION: u8 = 78;

/// Says what is wrong with the command line.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said where nothing can be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Is this cause the system's "permission denied"?
pub fn is_not_permitted(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
