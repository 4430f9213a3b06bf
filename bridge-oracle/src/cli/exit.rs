//! Maps errors to exit codes.

use bridge_oracle::policy::{ApprovalError, PolicyError};
use bridge_oracle::round::RoundError;
use bridge_oracle::run::StartError;
use sentinel_proto::hub::HubError;
use service_runtime::exit::{CONFIGURATION, FAILED, NOT_PERMITTED, UNAVAILABLE, is_not_permitted};
use service_runtime::settings::ConfigError;
use sovereign_contracts::reader::ReadError;

/// Returns the exit code for `error`.
pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    let start = error.downcast_ref::<StartError>();
    if error.is::<ConfigError>()
        || error.is::<PolicyError>()
        || error.is::<ApprovalError>()
        || start.is_some_and(StartError::is_configuration)
    {
        CONFIGURATION
    } else if start.is_some_and(StartError::is_not_permitted) || error.chain().any(is_not_permitted) {
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
