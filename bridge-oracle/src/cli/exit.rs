//! What an error comes to for whoever called.

use std::io;

use bridge_oracle::config::ConfigError;
use bridge_oracle::policy::{NotApproved, PolicyError};
use bridge_oracle::round::RoundError;
use bridge_oracle::run::StartError;
use sentinel_proto::hub::HubError;
use sovereign_contracts::reader::ReadError;

pub(super) const FAILED: u8 = 1;
pub(super) const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const NOT_PERMITTED: u8 = 77;
pub(super) const CONFIGURATION: u8 = 78;

/// The exit code for `error`.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    let start = error.downcast_ref::<StartError>();
    if error.is::<ConfigError>()
        || error.is::<PolicyError>()
        || error.is::<NotApproved>()
        || start.is_some_and(StartError::is_configuration)
    {
        CONFIGURATION
    } else if start.is_some_and(StartError::is_not_permitted) || error.chain().any(not_permitted) {
        NOT_PERMITTED
    } else if start.is_some_and(StartError::is_unavailable)
        || error.is::<RoundError>()
        || error.is::<ReadError>()
        || error.is::<HubError>()
    {
        UNAVAILABLE
    } else {
        FAILED
    }
}

fn not_permitted(cause: &(dyn std::error::Error + 'static)) -> bool {
    let error = cause.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
