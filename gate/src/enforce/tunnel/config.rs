//! What the drivers are told.

use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;

use sentinel_proto::handshake::{Service, UnknownService};

use super::Door;
use crate::config;

/// Where the node's tunnel service is. What is not given is read from the node's home or is the node's own default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelConfig {
    /// The service.
    pub service: Option<Service>,
    /// Name of its interface, or path of the socket of a WireGuard outside of the kernel.
    pub interface: Option<String>,
    /// Where the service takes orders.
    pub api_addr: Option<SocketAddr>,
    /// The node's home.
    pub node_home: PathBuf,
    /// Path of the network namespace that the service lives in. `None`: the gate's own.
    pub namespace: Option<PathBuf>,
    /// What users of a proxy must not reach.
    pub door: Option<Door>,
}

impl TunnelConfig {
    /// The service that the node's own configuration names, if it can be read.
    pub fn service_of_node(&self) -> Option<Service> {
        self.node_config()?.get("node")?.get("service_type")?.as_str()?.parse().ok()
    }

    /// The size of the peer table that the node's own configuration names, if it can be read.
    pub fn max_peers_of_node(&self) -> Option<u64> {
        u64::try_from(self.node_config()?.get("qos")?.get("max_peers")?.as_integer()?).ok()
    }

    fn node_config(&self) -> Option<toml::Table> {
        std::fs::read_to_string(self.node_home.join("config.toml")).ok()?.parse().ok()
    }
}

/// Why the section `[tunnel]` is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunnelConfigError {
    /// No such service.
    #[error("tunnel.service: {0}")]
    Service(#[from] UnknownService),
    /// No address.
    #[error("tunnel.api_addr: {0}")]
    ApiAddr(#[from] AddrParseError),
}

impl TryFrom<&config::Tunnel> for TunnelConfig {
    type Error = TunnelConfigError;

    fn try_from(tunnel: &config::Tunnel) -> Result<Self, TunnelConfigError> {
        let namespace = &tunnel.namespace;
        Ok(Self {
            service: tunnel.service()?,
            interface: tunnel.interface().map(str::to_owned),
            api_addr: tunnel.api_addr()?,
            node_home: tunnel.node_home.clone(),
            namespace: (!namespace.as_os_str().is_empty()).then(|| namespace.clone()),
            door: None,
        })
    }
}
