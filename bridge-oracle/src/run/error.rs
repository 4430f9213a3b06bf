//! Why the oracle does not start, or does not go on.

use std::io;
use std::net::SocketAddr;

use sentinel_proto::address::AccountAddress;

use crate::ledger::LedgerError;
use crate::policy::NotApproved;
use crate::reconcile::Halt;
use crate::round::RoundError;
use crate::state::StateError;
use crate::submit::gas::NoGasPrice;
use crate::submit::journal::JournalError;
use crate::submit::{KeyFileError, SubmitError};

/// Why the oracle does not start, or does not go on, with what to do about it where that is known.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log filter does not parse.
    #[error("log.level: {0}")]
    Log(#[from] service_runtime::logs::ParseError),
    /// The metrics recorder cannot be installed.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Ethereum cannot be read as configured.
    #[error("ethereum: {0}")]
    Ethereum(#[from] sovereign_contracts::reader::ReadError),
    /// The hub cannot be asked as configured.
    #[error("hub: {0}")]
    Hub(#[from] sentinel_proto::hub::HubConfigError),
    /// Not a price of gas.
    #[error("tx.gas_price and lease.denom: {0}")]
    GasPrice(#[from] NoGasPrice),
    /// The key cannot be used.
    #[error("key.file: {0}")]
    Key(#[from] KeyFileError),
    /// The key is nobody's.
    #[error("the key's account {0} is not among the governed hub.members")]
    NotAMember(AccountAddress),
    /// The journal cannot be opened: another instance runs on this home, or the file is damaged.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// What is remembered cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The governed configuration is not the approved one.
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    /// The operator's word is needed.
    #[error("{0}")]
    Halted(Halt),
    /// The only round came to nothing.
    #[error(transparent)]
    Round(RoundError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Signals cannot be waited for.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

impl From<RoundError> for StartError {
    fn from(error: RoundError) -> Self {
        match error {
            RoundError::NotApproved(problem) => Self::NotApproved(problem),
            error => Self::Round(error),
        }
    }
}

impl StartError {
    /// For `map_err` where `address` is bound.
    pub(super) fn bind(address: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Bind { address, source }
    }

    /// Whether another configuration would help.
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Log(_)
                | Self::Ethereum(_)
                | Self::Hub(_)
                | Self::GasPrice(_)
                | Self::NotAMember(_)
                | Self::NotApproved(_)
                | Self::Round(RoundError::Ledger(LedgerError::ForeignPlan { .. }))
        )
    }

    /// Whether something that the oracle needs is taken or gone.
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Bind { .. }
                | Self::Journal(_)
                | Self::Round(
                    RoundError::Standing(_) | RoundError::Ledger(_) | RoundError::Submit(SubmitError::Hub(_))
                )
        )
    }

    /// Whether somebody's permission is missing.
    pub const fn is_not_permitted(&self) -> bool {
        matches!(
            self,
            Self::Halted(_)
                | Self::Key(KeyFileError::Exposed { .. })
                | Self::Round(RoundError::Submit(SubmitError::NotPermitted(_)))
        )
    }
}
