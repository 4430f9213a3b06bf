//! Why the hub gave no answer.

use std::{fmt, sync::Arc, time::Duration};

use tonic::{Code, Status};

/// Longest text of another program that goes into an error.
const MAX_ERROR_TEXT_CHARS: usize = 200;

/// The hub could not be asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HubError {
    /// No endpoint gave an answer that counts.
    #[error("no hub endpoint answers: {}", Listed(.0))]
    Unavailable(Arc<[Failure]>),
    /// The answer names something that the hub itself should know and does not.
    #[error("the hub contradicts itself: {0}")]
    Inconsistent(Arc<str>),
}

/// One endpoint's failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{endpoint}: {cause}")]
pub struct Failure {
    /// Scheme, host and port of the endpoint.
    pub endpoint: Arc<str>,
    /// What went wrong there.
    pub cause: EndpointFault,
}

/// What went wrong at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// Not reachable, or the connection broke.
    #[error("not reachable ({0})")]
    Transport(String),
    /// Too slow.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Failed a moment ago; not asked again yet.
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
    /// Answers from a state that others have long left.
    #[error("is at height {height}, others at {best}")]
    Behind {
        /// Height of the answer.
        height: u64,
        /// Height that was seen elsewhere.
        best: u64,
    },
    /// Answered with an error.
    #[error("error {code:?}: {message}")]
    Status {
        /// The gRPC code.
        code: Code,
        /// The message, cut.
        message: String,
    },
    /// Answered with something that is no answer.
    #[error("senseless answer: {0}")]
    Answer(String),
}

impl EndpointFault {
    /// Whether the endpoint itself is at fault, not only this one question.
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
        // Errors of our own side carry their cause; those that the server sent have none.
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

struct Listed<'a>(&'a [Failure]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            write!(f, "{}{failure}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
