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
mod handshake;
mod in_flight;
mod listener;
mod node_info;
mod parameters;
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
pub use self::handshake::HandshakeHandler;
pub use self::listener::{Listener, ListenerLimits};
use self::rules::Destination;
pub use self::upstream::{Upstream, UpstreamError};

/// Routes requests to the API of the gate, to admission or to the node.
pub struct Edge {
    upstream: Arc<Upstream>,
    handshakes: Arc<HandshakeHandler>,
    api: Arc<GateApi>,
    rate: Arc<ClientRateLimiter>,
    body_bytes: usize,
}

impl Edge {
    /// Creates the router in front of these components.
    pub fn new(
        upstream: Arc<Upstream>,
        handshakes: Arc<HandshakeHandler>,
        api: GateApi,
        rate: Arc<ClientRateLimiter>,
        body_bytes: usize,
    ) -> Self {
        Self { upstream, handshakes, api: Arc::new(api), rate, body_bytes }
    }

    /// Answers one request of `client`. Never fails: every error becomes an error envelope.
    pub(crate) async fn handle(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        // Every log line of the request carries this id, and so does the response to an internal error.
        let id = format!("{:016x}", rand::random::<u64>());
        let span = tracing::info_span!("request", id);
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
            body::read_body(request, self.body_bytes).await.map_err(RefusalResponse::closing)?;
        let answered = match destination {
            Destination::Gate => {
                return self.api.answer(client, &parts, &body).await.map_err(RefusalResponse::same_origin);
            }
            Destination::Handshake => {
                // Boxed: this future is much larger than those of other requests.
                Box::pin(Arc::clone(&self.handshakes).answer(client, parts, body)).await
            }
            Destination::Node(proof) => self.upstream.forward(proof, parts, body, client).await,
        };
        answered.map_err(RefusalResponse::from)
    }
}
