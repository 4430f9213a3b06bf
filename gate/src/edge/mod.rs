//! HTTP edge: listener, TLS, limits and routing of the advertised port. Only this module knows HTTP headers.
//!
//! `/gate/…` is the API of the gate. `POST /` is the handshake and needs an admission. Every other request is forwarded
//! to the node unchanged.

mod body;
mod client_address;
mod client_rate_limiter;
mod connection;
mod connection_limiter;
mod envelope;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod gate_api;
mod in_flight;
mod listener;
mod node_info;
mod parameters;
#[cfg(test)]
mod request_log_tests;
mod rules;
pub mod tls;
mod upstream;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use tracing::Instrument as _;

pub use self::client_rate_limiter::ClientRateLimiter;
pub use self::envelope::Body;
use self::envelope::RefusalResponse;
pub use self::gate_api::GateApi;
pub use self::listener::{Listener, ListenerConfig, ListenerLimits};
use self::rules::Destination;
pub use self::upstream::{RequestHead, Upstream, UpstreamError};
use crate::handshake::HandshakeHandler;
use crate::request_span;

/// Components that an [`Edge`] needs.
pub struct EdgeDeps {
    /// Client of the node.
    pub upstream: Arc<Upstream>,
    /// Handles `POST /`.
    pub handshakes: Arc<HandshakeHandler<Upstream>>,
    /// The API below `/gate/`.
    pub api: GateApi,
    /// Request rate of each client.
    pub rate: Arc<ClientRateLimiter>,
    /// Maximum size of a request body.
    pub max_body_bytes: usize,
}

/// Routes requests to the API of the gate, to admission or to the node.
pub struct Edge {
    upstream: Arc<Upstream>,
    handshakes: Arc<HandshakeHandler<Upstream>>,
    api: Arc<GateApi>,
    rate: Arc<ClientRateLimiter>,
    max_body_bytes: usize,
}

impl Edge {
    /// Creates the router in front of these components.
    pub fn new(deps: EdgeDeps) -> Self {
        let EdgeDeps { upstream, handshakes, api, rate, max_body_bytes } = deps;
        Self { upstream, handshakes, api: Arc::new(api), rate, max_body_bytes }
    }

    /// Answers one request of `client`. Never fails: every error becomes an error envelope.
    pub(crate) async fn handle(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        // Every log line of the request carries this id, and so does the response to an internal error.
        let id = format!("{:016x}", rand::random::<u64>());
        let span = request_span::new(&id);
        let answered = self.route(client.to_canonical(), request).instrument(span).await;
        Ok(answered.unwrap_or_else(|refused| refused.into_response(&id)))
    }

    async fn route(
        &self,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, RefusalResponse> {
        let destination = rules::classify(&request).map_err(RefusalResponse::closing)?;
        self.rate.check(client.into())?;
        // An incomplete body leaves the connection in an undefined state, so it is closed.
        let (parts, body) =
            body::read_body(request, self.max_body_bytes).await.map_err(RefusalResponse::closing)?;
        let answered = match destination {
            Destination::Gate => {
                return self.api.answer(client, &parts, &body).await.map_err(RefusalResponse::same_origin);
            }
            Destination::Handshake => {
                // Boxed: this future is much larger than those of other requests.
                let request = RequestHead { parts, client };
                let answered = Box::pin(Arc::clone(&self.handshakes).answer(request, body)).await;
                answered.map(envelope::handshake_response)
            }
            Destination::Node(proof) => self.upstream.forward(proof, parts, body, client).await,
        };
        answered.map_err(RefusalResponse::from)
    }
}
