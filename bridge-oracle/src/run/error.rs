//! Errors of starting and running the oracle.

use std::io;

use sentinel_proto::address::AccountAddress;

use crate::gas::GasPriceParseError;
use crate::ledger::LedgerError;
use crate::policy::ApprovalError;
use crate::reconcile::Halt;
use crate::round::RoundError;
use crate::state::StateError;
use crate::submit::journal::JournalError;
use crate::submit::{KeyFileError, SubmitError};

/// Why the oracle does not start or stops, with the remedy where it is known.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log filter does not parse.
    #[error("log.level: {0}")]
    Log(#[from] service_runtime::logs::ParseError),
    /// The metrics recorder cannot be installed.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The Ethereum configuration is invalid.
    #[error("ethereum: {0}")]
    Ethereum(#[from] sovereign_contracts::reader::ReadError),
    /// The hub configuration is invalid.
    #[error("hub: {0}")]
    Hub(#[from] sentinel_proto::hub::HubConfigError),
    /// The gas price is invalid.
    #[error("tx.gas_price and lease.denom: {0}")]
    GasPrice(#[from] GasPriceParseError),
    /// The key file is unusable.
    #[error("key.file: {0}")]
    Key(#[from] KeyFileError),
    /// The key belongs to no governed member.
    #[error("the key's account {0} is not among the governed hub.members")]
    NotAMember(AccountAddress),
    /// The journal cannot be opened: another instance runs on this home, or the file is damaged.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// The state file cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The governed configuration is not the approved one.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The operator's consent is required.
    #[error("{0}")]
    Halted(Halt),
    /// The only round failed.
    #[error(transparent)]
    Round(RoundError),
    /// The private address cannot be bound.
    #[error(transparent)]
    Bind(#[from] service_runtime::admin::BindError),
    /// Signal handlers cannot be installed.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

impl From<RoundError> for StartError {
    fn from(error: RoundError) -> Self {
        match error {
            RoundError::Approval(problem) => Self::Approval(problem),
            error => Self::Round(error),
        }
    }
}

impl StartError {
    /// Returns whether the configuration causes the error.
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Log(_)
                | Self::Ethereum(_)
                | Self::Hub(_)
                | Self::GasPrice(_)
                | Self::NotAMember(_)
                | Self::Approval(_)
                | Self::Round(RoundError::Ledger(LedgerError::ForeignPlan { .. }))
        )
    }

    /// Returns whether a resource that the oracle needs is unavailable.
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Bind(_)
                | Self::Journal(_)
                | Self::Round(
                    RoundError::Standing(_) | RoundError::Ledger(_) | RoundError::Submit(SubmitError::Hub(_))
                )
        )
    }

    /// Returns whether a permission is missing.
    pub const fn is_not_permitted(&self) -> bool {
        matches!(
            self,
            Self::Halted(_)
                | Self::Key(KeyFileError::Exposed { .. })
                | Self::Round(RoundError::Submit(SubmitError::NotPermitted(_)))
        )
    }
}
