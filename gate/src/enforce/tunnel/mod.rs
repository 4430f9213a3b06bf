//! The node's tunnel service, as far as a peer can be shut out of it and let back.
//!
//! One driver for each service. None restarts the node, writes into its database or touches another client's peer;
//! what each does, what it costs others and which rights it needs is told in `docs/enforcement.md`.

mod auto;
mod config;
mod door;
mod error;
mod openvpn;
mod place;
mod v2ray;
mod wireguard;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use sentinel_proto::handshake::Service;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::config::{TunnelConfig, TunnelConfigError};
pub use self::door::{Door, is_here};
pub use self::error::TunnelError;

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
pub struct Present {
    /// Tunnel key or uuid in its canonical form.
    pub peer_id: String,
    /// Whether its packets pass. `false`: it is shut out softly.
    pub passing: bool,
    /// Its addresses in the tunnel now, where the service knows them.
    pub addresses: Vec<String>,
}

/// Who is in a tunnel service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Those that it names.
    pub peers: Vec<Present>,
    /// Whether it names all of them. `false`: one that is not named may be there all the same.
    pub all: bool,
    /// Whether evicted peers are named too until the node itself removes them.
    pub names_evicted: bool,
    /// The service's own public key, for services whose peers are keys.
    pub server_key: Option<String>,
}

/// What came of letting a peer back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Its packets pass.
    Passing,
    /// Another peer has its address, or none was recorded for it.
    AddressTaken,
    /// The node has forgotten it: only a new session helps.
    NotThere,
}

/// A tunnel service.
pub trait Tunnel: Send + Sync {
    /// Every peer that the service knows, as far as it tells.
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>>;

    /// Whether the service knows this peer, also where it does not name everybody.
    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { Ok(self.present().await?.peers.iter().any(|present| present.peer_id == peer.peer_id)) }
            .boxed()
    }

    /// What the node told the client of a peer that is there, like what it told `another` one: the `data` of its
    /// answer. `None`: nobody can tell, or what the other one was told is not true any more.
    fn retell<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>>;

    /// Shuts peers out, all of them or says why not. A peer that is not there is out, and a second time does
    /// nothing. After `Ok` no packet of them passes.
    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Removes peers of sessions that are over: they take nothing of the service any more and do not come back. A peer
    /// that is not there is removed. Never called while a session lives, since it may lose the peer's counters.
    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Lets a peer back that was shut out, if nobody else has what it had.
    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>>;

    /// How long ago the service was started, told at the first look and once after every new start: whoever was in it
    /// before is no more. For services that do not name all their peers; one that does says nothing here.
    fn renewed(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async { Ok(None) }.boxed()
    }

    /// Keeps true, until `stop`, what the node or time would undo. It never ends earlier.
    fn keep(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move { stop.cancelled().await }.boxed()
    }
}

/// Whether peers of this service can be shut out at all. A gate before a node with another one would let in whom it
/// cannot take out, so it lets nobody in.
pub fn is_supported(service: Service) -> bool {
    service != Service::Hysteria2
}

/// Whether users of this service reach from the node's machine whatever that reaches, its loopback included.
pub fn is_proxy(service: Service) -> bool {
    matches!(service, Service::V2Ray | Service::Xray)
}

/// Tells what the node said of its service, once it did.
pub type Told = Box<dyn Fn() -> Option<Service> + Send + Sync>;

/// The driver of the node's service: the configured one, else what the node's home says, else what it `told`.
/// Nothing is touched before the first use, so that gate and node may start in any order.
pub fn open(config: &TunnelConfig, told: Told) -> Result<Arc<dyn Tunnel>, TunnelError> {
    let known = config.service.or_else(|| config.service_of_node());
    if let Some(service) = known.filter(|service| !is_supported(*service)) {
        return Err(TunnelError::Unsupported(service));
    }
    match config.service {
        Some(service) => driver(service, config),
        None => Ok(Arc::new(auto::Auto::new(config.clone(), told))),
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
    fn a_service_that_nobody_can_be_shut_out_of_is_refused_at_the_start() {
        let home = tempfile::tempdir().unwrap();
        let defaults = TunnelConfig::try_from(&crate::config::Tunnel::default()).unwrap();
        let config = TunnelConfig { node_home: home.path().into(), ..defaults };
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
