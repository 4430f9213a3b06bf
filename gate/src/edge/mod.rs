//! The door: what arrives on the advertised port, and where it goes. Only this room knows headers.
//!
//! `/gate/…` is ours, `POST /` is the handshake and needs an admission, everything else is the node's and
//! passes unchanged.

mod answer;
mod api;
mod body;
mod client_address;
mod forward;
mod handshake;
mod listener;
mod parameters;
mod rate;
mod rules;
pub mod tls;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use tracing::Instrument as _;

pub use self::answer::Body;
pub use self::api::Api;
pub use self::forward::Upstream;
pub use self::handshake::Handshakes;
pub use self::listener::Listener;
pub use self::rate::PerAddress;
use self::rules::Destination;
use crate::refusal::Refusal;

/// Everything behind the listener.
pub struct Edge {
    upstream: Arc<Upstream>,
    handshakes: Arc<Handshakes>,
    api: Api,
    rate: Arc<PerAddress>,
    body_bytes: usize,
}

impl Edge {
    /// The door in front of these.
    pub fn new(
        upstream: Arc<Upstream>,
        handshakes: Arc<Handshakes>,
        api: Api,
        rate: Arc<PerAddress>,
        body_bytes: usize,
    ) -> Self {
        Self { upstream, handshakes, api, rate, body_bytes }
    }

    /// Answers one request of `client`. Never fails: whatever is wrong becomes an answer in the envelope.
    pub(crate) async fn handle(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        // Everything that is logged on the way carries the number of the request.
        let span = tracing::info_span!("request", id = request_id());
        Ok(self.route(client.to_canonical(), request).instrument(span).await)
    }

    async fn route(&self, client: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let destination = match rules::destination(&request) {
            Ok(destination) => destination,
            Err(refusal) => return answer::refuse_and_close(&refusal),
        };
        if let Err(refusal) = self.rate.check(client) {
            return answer::readable_everywhere(answer::refusal(&refusal));
        }
        // A body that did not arrive whole leaves the connection in the middle of it.
        let (parts, body) = match body::read(request, self.body_bytes).await {
            Ok(read) => read,
            Err(refusal) => return answer::readable_everywhere(answer::refuse_and_close(&refusal)),
        };
        let answered: Result<Response<Body>, Refusal> = match destination {
            Destination::Gate => return self.api.answer(client, &parts, &body).await,
            Destination::Handshake => {
                // Boxed, because it is much larger than what every other request needs.
                Box::pin(Arc::clone(&self.handshakes).answer(client, parts, body)).await
            }
            Destination::Node(proof) => self.upstream.forward(proof, parts, body, client).await,
        };
        answered.unwrap_or_else(|refusal| answer::readable_everywhere(answer::refusal(&refusal)))
    }
}

/// What an operator finds a request by in the log.
fn request_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}
