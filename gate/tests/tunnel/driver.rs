//! The driver of a node whose service is known, and whom it is asked about.

use std::path::Path;
use std::sync::Arc;

use sentinel_proto::handshake::Service;
use sovereign_gate::enforce::tunnel::{self, Peer, Tunnel, TunnelConfig};

use crate::net::Namespace;

/// Of the service that the node in this namespace keeps in `home`.
pub(crate) fn of(service: Service, home: &Path, node: &Namespace) -> Arc<dyn Tunnel> {
    let config = TunnelConfig {
        service: Some(service),
        interface: None,
        api_addr: None,
        node_home: home.into(),
        namespace: Some(node.path().into()),
        door: None,
    };
    tunnel::open(&config, Box::new(|| None)).unwrap()
}

/// Client number `client`.
pub(crate) fn peer(client: usize, id: &str) -> Peer {
    Peer { session_id: client as u64, peer_id: id.to_owned(), addresses: Vec::new() }
}
