//! Settings of the tunnel drivers.

use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;

use sentinel_proto::handshake::{Service, UnknownService};

use super::NodeApiGuard;
use crate::config;

/// Where the node's tunnel service is. Missing values are read from the node's home or are the node's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelConfig {
    /// The service.
    pub service: Option<Service>,
    /// Name of the interface, or path of the control socket of a userspace WireGuard.
    pub interface: Option<String>,
    /// Address of the service's API.
    pub api_addr: Option<SocketAddr>,
    /// The node's home.
    pub node_home: PathBuf,
    /// Path of the service's network namespace. `None`: the gate's own.
    pub namespace: Option<PathBuf>,
    /// The node's API, which users of a proxy must not reach.
    pub door: Option<NodeApiGuard>,
}

impl TunnelConfig {
    /// The service in the node's own configuration, if that can be read.
    pub fn service_of_node(&self) -> Option<Service> {
        self.node_config()?.get("node")?.get("service_type")?.as_str()?.parse().ok()
    }

    /// The size of the peer table in the node's own configuration, if that can be read.
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
    /// Unknown service.
    #[error("tunnel.service: {0}")]
    Service(#[from] UnknownService),
    /// Not an address.
    #[error("tunnel.api_addr: {0}")]
    ApiAddr(#[from] AddrParseError),
}

impl TryFrom<&config::TunnelSection> for TunnelConfig {
    type Error = TunnelConfigError;

    fn try_from(tunnel: &config::TunnelSection) -> Result<Self, TunnelConfigError> {
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
