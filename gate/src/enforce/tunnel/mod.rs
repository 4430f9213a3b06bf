//! The node's tunnel service, as far as a peer can be shut out of it and let back.
//!
//! One driver for each service. None restarts the node, writes into its database or touches another client's peer;
//! what each does, what it costs others and which rights it needs is told in `docs/enforcement.md`.

mod auto;
mod config;
mod error;
mod openvpn;
mod place;
mod v2ray;
mod wireguard;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use sentinel_proto::handshake::Service;
use tokio_util::sync::CancellationToken;

pub use self::config::{TunnelConfig, TunnelConfigError};
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
    fn present(&self) -> BoxFuture<'_, Result<Vec<Present>, TunnelError>>;

    /// Shuts peers out, all of them or says why not. A peer that is not there is out, and a second time does
    /// nothing. After `Ok` no packet of them passes.
    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>>;

    /// Lets a peer back that was shut out, if nobody else has what it had.
    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>>;

    /// Keeps true, until `stop`, what the node or time would undo. It never ends earlier.
    fn keep(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move { stop.cancelled().await }.boxed()
    }
}

/// Tells what the node said of its service, once it did.
pub type Told = Box<dyn Fn() -> Option<Service> + Send + Sync>;

/// The driver of the node's service: the configured one, else what the node's home says, else what it `told`.
/// Nothing is touched before the first use, so that gate and node may start in any order.
pub fn open(config: &TunnelConfig, told: Told) -> Result<Arc<dyn Tunnel>, TunnelError> {
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
