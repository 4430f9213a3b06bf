//! State of the node.

use std::time::SystemTime;

use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;

/// Known state of the node.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Address, once known.
    pub address: Option<NodeAddress>,
    /// Tunnel service, once known.
    pub service: Option<Service>,
    /// Cause and start of an outage; `None` while it answers.
    pub down: Option<(String, SystemTime)>,
    /// Peers in its tunnel, if reported.
    pub peers: Option<u64>,
}

/// Info of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its address on the hub.
    pub address: NodeAddress,
    /// Its tunnel service.
    pub service: Service,
    /// Peers in its tunnel, if reported.
    pub peers: Option<u64>,
}
