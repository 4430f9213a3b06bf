//! The node, as far as a handshake needs it.

use bytes::Bytes;
use http::Response;

use crate::admission::{Admitted, NoSession};
use crate::refusal::Refusal;

/// Sends handshakes to the node. The client of the node in `edge` implements it.
pub trait HandshakeForwarder: Send + Sync + 'static {
    /// What the node has to receive beside the body: method, path, headers and client address.
    type Request: Send + 'static;

    /// Forwards an admitted handshake byte for byte and returns the buffered response.
    fn forward_admitted(
        &self,
        admitted: &Admitted,
        request: Self::Request,
    ) -> impl Future<Output = Result<Response<Bytes>, ForwardError>> + Send;

    /// Returns the node's own response to a handshake of a session that does not exist.
    fn forward_missing_session(
        &self,
        missing: &NoSession,
        request: Self::Request,
    ) -> impl Future<Output = Result<Response<Bytes>, ForwardError>> + Send;
}

/// The node sent no valid response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct ForwardError {
    /// Refusal to answer with.
    pub refusal: Refusal,
    /// Whether the node may have processed the handshake nevertheless.
    pub maybe_processed: bool,
}

impl From<ForwardError> for Refusal {
    fn from(error: ForwardError) -> Self {
        error.refusal
    }
}

/// Answer to a handshake that was not refused by the gate.
#[derive(Debug)]
pub enum HandshakeAnswer {
    /// Response of the node to this handshake.
    Node(Response<Bytes>),
    /// Body of the node's recorded response to an earlier delivery of the same handshake.
    Recorded(Bytes),
}
