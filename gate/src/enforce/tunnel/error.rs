//! Why a tunnel service cannot be told something.

use std::path::PathBuf;

use sentinel_proto::handshake::Service;

/// Why a tunnel service cannot be told something. All of them may pass with time: try again.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Neither configuration nor node say which service it is.
    #[error(
        "cannot tell which tunnel service the node runs: it does not answer, and {} cannot be read; \
         set tunnel.service", home.display()
    )]
    UnknownService {
        /// The node's home.
        home: PathBuf,
    },
    /// There is no driver for it.
    #[error("peers of {0} cannot be shut out by this version: the gate does not stand before such a node")]
    Unsupported(Service),
    /// It is not there, or we may not talk to it.
    #[error("cannot reach {what}: {why}")]
    Unreachable {
        /// What we wanted to talk to.
        what: String,
        /// What the system said.
        why: String,
    },
    /// It answered, but did not do it.
    #[error("{what} refuses: {why}")]
    Refused {
        /// Who.
        what: String,
        /// What it said.
        why: String,
    },
    /// Its answer is not what it should be.
    #[error("{what} gives an answer that cannot be understood: {why}")]
    Malformed {
        /// Who.
        what: String,
        /// What is wrong, without what was said.
        why: String,
    },
    /// It took too long.
    #[error("{what} does not answer in time")]
    TooSlow {
        /// Who.
        what: String,
    },
}

#[allow(clippy::needless_pass_by_value, reason = "what it is told was made for it")]
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
