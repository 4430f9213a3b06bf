//! For the fuzzer: the head of a request, and the body of a sign-in.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use http::request::Parts;

use super::forward::Upstream;
use super::rules::{Destination, destination};
use super::{client_address, parameters};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// To the calls below `/gate/`.
    ToTheGate,
    /// To the node once it is admitted.
    AsAHandshake,
    /// To the node.
    ToTheNode,
}

impl Upstream {
    /// What a request is to the gate, and the head that would go to the node; nothing if it is refused.
    pub fn would_send(&self, request: Request<()>, client: IpAddr) -> Option<(Goes, Parts)> {
        let goes = match destination(&request).ok()? {
            Destination::Gate => Goes::ToTheGate,
            Destination::Handshake => Goes::AsAHandshake,
            Destination::Node(_) => Goes::ToTheNode,
        };
        let (parts, ()) = request.into_parts();
        let (sent, _) = self.request(parts, Bytes::new(), client).ok()?.into_parts();
        Some((goes, sent))
    }
}

/// Whether a header of this name is taken off.
pub fn tells_an_address(name: &str) -> bool {
    client_address::tells_an_address(name)
}

/// Message and signature of a sign-in.
pub fn sign_in_body(bytes: &[u8]) -> Option<(String, String)> {
    parameters::signed_message(bytes).ok().map(|signed| (signed.message, signed.signature))
}
