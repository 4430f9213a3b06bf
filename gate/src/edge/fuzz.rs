//! Entry points for the fuzzer: request heads and sign-in bodies.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use http::request::Parts;

use super::rules::{Destination, classify};
use super::upstream::Upstream;
use super::{client_address, parameters};

/// Route of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestRoute {
    /// The API below `/gate/`.
    Gate,
    /// The node, after admission.
    Handshake,
    /// The node.
    Node,
}

impl Upstream {
    /// Returns the route of a request and the head that would be sent to the node; `None` if it is refused.
    pub fn route_request(&self, request: Request<()>, client: IpAddr) -> Option<(RequestRoute, Parts)> {
        let goes = match classify(&request).ok()? {
            Destination::Gate => RequestRoute::Gate,
            Destination::Handshake => RequestRoute::Handshake,
            Destination::Node(_) => RequestRoute::Node,
        };
        let (parts, ()) = request.into_parts();
        let (sent, _) = self.build_request(parts, Bytes::new(), client).ok()?.into_parts();
        Some((goes, sent))
    }
}

/// Returns whether a header of this name is removed.
pub fn is_client_address_header(name: &str) -> bool {
    client_address::is_client_address_header(name)
}

/// Returns message and signature of a sign-in body.
pub fn parse_sign_in_body(bytes: &[u8]) -> Option<(String, String)> {
    parameters::parse_signed_message(bytes).ok().map(|signed| (signed.message, signed.signature))
}
