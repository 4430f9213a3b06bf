//! The door: what arrives on the advertised port, and where it goes. Only this room knows headers.
//!
//! `/gate/…` is ours, `POST /` is the handshake and needs an admission, everything else is the node's and
//! passes unchanged.

mod answer;
mod api;
mod body;
mod client_address;
mod connection;
mod forward;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod handshake;
mod listener;
mod parameters;
mod rate;
mod rules;
mod seats;
pub mod tls;
mod under_way;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use tracing::Instrument as _;

pub use self::answer::Body;
use self::answer::Refused;
pub use self::api::Api;
pub use self::forward::{Unanswered, Upstream};
pub use self::handshake::Handshakes;
pub use self::listener::{Bounds, Listener};
pub use self::rate::PerAddress;
use self::rules::Destination;

/// Everything behind the listener.
pub struct Edge {
    upstream: Arc<Upstream>,
    handshakes: Arc<Handshakes>,
    api: Arc<Api>,
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
        Self { upstream, handshakes, api: Arc::new(api), rate, body_bytes }
    }

    /// Answers one request of `client`. Never fails: whatever is wrong becomes an answer in the envelope.
    pub(crate) async fn handle(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        // Everything that is logged on the way carries the number of the request; so does the answer to one
        // that we failed.
        let id = format!("{:016x}", rand::random::<u64>());
        let span = tracing::info_span!("request", id);
        let answered = self.route(client.to_canonical(), request).instrument(span).await;
        Ok(answered.unwrap_or_else(|refused| refused.answer(&id)))
    }

    async fn route(&self, client: IpAddr, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
        let destination = rules::destination(&request).map_err(Refused::and_close)?;
        self.rate.check(client.into())?;
        // A body that did not arrive whole leaves the connection in the middle of it.
        let (parts, body) = body::read(request, self.body_bytes).await.map_err(Refused::and_close)?;
        let answered = match destination {
            Destination::Gate => {
                return self.api.answer(client, &parts, &body).await.map_err(Refused::to_our_page);
            }
            Destination::Handshake => {
                // Boxed, because it is much larger than what every other request needs.
                Box::pin(Arc::clone(&self.handshakes).answer(client, parts, body)).await
            }
            Destination::Node(proof) => self.upstream.forward(proof, parts, body, client).await,
        };
        answered.map_err(Refused::from)
    }
}
