//! The driver of a node whose service is known, and the peers that it blocks.

use std::path::Path;
use std::sync::Arc;

use sentinel_proto::handshake::Service;
use sovereign_tunnel::{Peer, Tunnel, TunnelConfig};

use crate::net::Namespace;

/// Of the service that the node in this namespace keeps in `home`.
pub(crate) fn of(service: Service, home: &Path, node: &Namespace) -> Arc<dyn Tunnel> {
    let config = TunnelConfig {
        service: Some(service),
        namespace: Some(node.path().into()),
        ..TunnelConfig::new(home)
    };
    sovereign_tunnel::open(&config, Box::new(|| None)).unwrap()
}

/// Client number `client`.
pub(crate) fn peer(client: usize, id: &str) -> Peer {
    Peer { session_id: client as u64, peer_id: id.to_owned(), addresses: Vec::new() }
}
