//! Errors of the hub client.

use std::{fmt, sync::Arc, time::Duration};

use tonic::{Code, Status};

/// Maximum length of a text of another program in an error.
const MAX_ERROR_TEXT_CHARS: usize = 200;

/// Why a request to the hub failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HubError {
    /// No endpoint gave a valid answer.
    #[error("no hub endpoint answers: {}", FailureList(.0))]
    Unavailable(Arc<[Failure]>),
    /// The answer refers to an item that the hub does not have.
    #[error("the hub contradicts itself: {0}")]
    Inconsistent(Arc<str>),
}

/// One endpoint's failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{endpoint}: {cause}")]
pub struct Failure {
    /// Scheme, host and port of the endpoint.
    pub endpoint: Arc<str>,
    /// Its fault.
    pub cause: EndpointFault,
}

/// Fault of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// Not reachable, or the connection broke.
    #[error("not reachable ({0})")]
    Transport(String),
    /// No answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Not tried, as its circuit breaker is open.
    #[error("resting after {failures} failures, the last: {last}")]
    Resting {
        /// Failures in a row.
        failures: u32,
        /// The last of them.
        last: String,
    },
    /// Belongs to another chain.
    #[error("is on chain {got:?}, not {expected:?}")]
    WrongChain {
        /// The configured chain.
        expected: String,
        /// The endpoint's chain.
        got: String,
    },
    /// Has not caught up with its chain.
    #[error("is still syncing")]
    Syncing,
    /// The state of its answer is too far behind that of other endpoints.
    #[error("is at height {height}, others at {best}")]
    Behind {
        /// Height of the answer.
        height: u64,
        /// Highest height of other endpoints.
        best: u64,
    },
    /// The endpoint answered with an error.
    #[error("error {code:?}: {message}")]
    Status {
        /// The gRPC code.
        code: Code,
        /// The message, shortened.
        message: String,
    },
    /// The answer is invalid.
    #[error("senseless answer: {0}")]
    Answer(String),
}

impl EndpointFault {
    /// Whether the fault concerns the endpoint itself and not only this request.
    pub(super) fn is_endpoints(&self) -> bool {
        match self {
            Self::Answer(_) | Self::Resting { .. } => false,
            Self::Status { code, .. } => matches!(
                code,
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::ResourceExhausted
                    | Code::Unimplemented
                    | Code::PermissionDenied
                    | Code::Unauthenticated
            ),
            _ => true,
        }
    }
}

impl From<&Status> for EndpointFault {
    fn from(status: &Status) -> Self {
        // Errors of the client side have a source; those sent by the server have none.
        match std::error::Error::source(status) {
            Some(cause) => Self::Transport(root(cause)),
            None => Self::Status { code: status.code(), message: cut(status.message()) },
        }
    }
}

/// Shortens an error text of another program for one line of a log.
pub(super) fn cut(text: &str) -> String {
    single_line(text, MAX_ERROR_TEXT_CHARS)
}

/// Returns at most `max_chars` characters of `text`, with spaces for control characters.
pub(super) fn single_line(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The innermost of nested errors: tonic's own texts say only "transport error".
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    cut(&inner.to_string())
}

struct FailureList<'a>(&'a [Failure]);

impl fmt::Display for FailureList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            write!(f, "{}{failure}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
