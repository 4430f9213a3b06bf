//! Drivers that block and restore peers in the node's tunnel service, one for each service.
//!
//! No driver restarts the node, writes into its database or touches another client's peer. `docs/enforcement.md`
//! describes what each driver does, what it costs other clients and which privileges it needs.

mod auto;
mod config;
mod error;
mod error_log;
mod net_namespace;
mod node_api_guard;
mod openvpn;
mod v2ray;
mod wireguard;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use sentinel_proto::handshake::Service;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::config::TunnelConfig;
pub use self::error::TunnelError;
pub use self::node_api_guard::{NodeApiGuard, is_here};

/// A peer that the gate admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The session on the hub.
    pub session_id: u64,
    /// Tunnel key or uuid in its canonical form, as in the record of the session.
    pub peer_id: String,
    /// Addresses in the tunnel, as the node gave them.
    pub addresses: Vec<String>,
}

/// A peer that the tunnel service knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelPeer {
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// Whether its packets pass. `false`: it is blocked, and still known to the service.
    pub passing: bool,
    /// Its addresses in the tunnel now, where the service knows them.
    pub addresses: Vec<String>,
}

/// Peers of a tunnel service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Peers that the service lists.
    pub peers: Vec<TunnelPeer>,
    /// Whether the list is complete. `false`: a peer that is not listed may exist.
    pub all: bool,
    /// Whether blocked peers are listed too until the node itself removes them.
    pub names_evicted: bool,
    /// The service's own public key, for services whose peers are keys.
    pub server_key: Option<String>,
}

/// Result of restoring a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// Its packets pass.
    Passing,
    /// Another peer has its address, or none was recorded for it.
    AddressTaken,
    /// The node has lost the peer: the client needs a new session.
    NotThere,
}

/// A tunnel service.
pub trait Tunnel: Send + Sync {
    /// Lists the peers of the service, as far as it reports them.
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>>;

    /// Whether the service has this peer, also if it does not list all peers.
    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { Ok(self.present().await?.peers.iter().any(|present| present.peer_id == peer.peer_id)) }
            .boxed()
    }

    /// Rebuilds the `data` of the node's answer to this peer's client from `another`, its answer to another client.
    /// `None`: the answer cannot be rebuilt, or `another` is outdated.
    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>>;

    /// Blocks peers, all or none on error. Idempotent; a missing peer counts as blocked. After `Ok` none of their packets
    /// passes.
    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Removes peers of ended sessions for good and frees their resources in the service. A missing peer counts as
    /// removed. Never called for a live session, because the peer's counters may be lost.
    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Restores a blocked peer, unless another peer has its address.
    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>>;

    /// How long ago the service started, returned by the first call and once after every restart, which loses all
    /// earlier peers. Services that list all their peers always return `None`.
    fn restarted_since(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async { Ok(None) }.boxed()
    }

    /// Maintains, until `stop`, what the node or time would undo. Never ends earlier.
    fn maintain(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move { stop.cancelled().await }.boxed()
    }
}

/// Whether peers of this service can be blocked. The gate does not start before a node with another service, because
/// it could not evict sessions there.
pub fn is_supported(service: Service) -> bool {
    service != Service::Hysteria2
}

/// Whether the service is a proxy: its users reach everything that the node's machine reaches, loopback included.
pub fn is_proxy(service: Service) -> bool {
    matches!(service, Service::V2Ray | Service::Xray)
}

/// Returns the service that the node reports, once it has answered.
pub type ServiceLookup = Box<dyn Fn() -> Option<Service> + Send + Sync>;

/// Opens the driver of the node's service: the configured one, else the one in the node's home, else the one that the
/// node reports. The service is not contacted before the first use, so gate and node may start in any order.
pub fn open(config: &TunnelConfig, lookup_service: ServiceLookup) -> Result<Arc<dyn Tunnel>, TunnelError> {
    let known = config.service.or_else(|| config.service_of_node());
    if let Some(service) = known.filter(|service| !is_supported(*service)) {
        return Err(TunnelError::Unsupported(service));
    }
    match config.service {
        Some(service) => driver(service, config),
        None => Ok(Arc::new(auto::AutoDetectedTunnel::new(config.clone(), lookup_service))),
    }
}

fn driver(service: Service, config: &TunnelConfig) -> Result<Arc<dyn Tunnel>, TunnelError> {
    match service {
        Service::WireGuard | Service::AmneziaWg => Ok(Arc::new(wireguard::WireGuard::new(service, config))),
        Service::OpenVpn => Ok(Arc::new(openvpn::OpenVpn::new(config))),
        Service::V2Ray | Service::Xray => Ok(Arc::new(v2ray::V2Ray::new(service, config))),
        Service::Hysteria2 => Err(TunnelError::Unsupported(service)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_service_whose_peers_cannot_be_blocked() {
        let home = tempfile::tempdir().unwrap();
        let config = TunnelConfig::new(home.path());
        let refused =
            |config: &TunnelConfig| open(config, Box::new(|| None)).err().map(|error| error.to_string());
        assert_eq!(refused(&config), None);
        let sentence = "peers of hysteria2 cannot be shut out by this version: the gate does not stand before such a node";
        let named = TunnelConfig { service: Some(Service::Hysteria2), ..config.clone() };
        assert_eq!(refused(&named).as_deref(), Some(sentence));
        std::fs::write(home.path().join("config.toml"), "[node]\nservice_type = \"hysteria2\"\n").unwrap();
        assert_eq!(refused(&config).as_deref(), Some(sentence), "as the node's home says");
    }
}
