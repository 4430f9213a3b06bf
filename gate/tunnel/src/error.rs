//! Errors of the tunnel drivers.

use std::path::PathBuf;

use sentinel_proto::handshake::Service;

/// Error of a tunnel driver. Every variant may be transient: retry.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Neither the configuration nor the node names the service.
    #[error(
        "cannot tell which tunnel service the node runs: it does not answer, and {} cannot be read; \
         set tunnel.service", home.display()
    )]
    UnknownService {
        /// The node's home.
        home: PathBuf,
    },
    /// No driver exists for the service.
    #[error("peers of {0} cannot be shut out by this version: the gate does not stand before such a node")]
    Unsupported(Service),
    /// The service is not there, or access is denied.
    #[error("cannot reach {what}: {why}")]
    Unreachable {
        /// The program, file or address.
        what: String,
        /// Error of the system.
        why: String,
    },
    /// The service answered with a refusal.
    #[error("{what} refuses: {why}")]
    Refused {
        /// The program, file or address.
        what: String,
        /// Its message.
        why: String,
    },
    /// The answer cannot be parsed.
    #[error("{what} gives an answer that cannot be understood: {why}")]
    Malformed {
        /// The program, file or address.
        what: String,
        /// The defect, without the content of the answer.
        why: String,
    },
    /// The service did not answer in time.
    #[error("{what} does not answer in time")]
    TooSlow {
        /// The program, file or address.
        what: String,
    },
}

#[allow(clippy::needless_pass_by_value, reason = "the arguments are created for the error")]
impl TunnelError {
    pub(super) fn unreachable(what: impl ToString, why: impl ToString) -> Self {
        Self::Unreachable { what: what.to_string(), why: why.to_string() }
    }

    pub(super) fn refused(what: impl ToString, why: impl ToString) -> Self {
        Self::Refused { what: what.to_string(), why: why.to_string() }
    }

    pub(super) fn malformed(what: impl ToString, why: impl ToString) -> Self {
        Self::Malformed { what: what.to_string(), why: why.to_string() }
    }

    pub(super) fn too_slow(what: impl ToString) -> Self {
        Self::TooSlow { what: what.to_string() }
    }
}
