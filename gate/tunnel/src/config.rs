//! Settings of the tunnel drivers.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;
use sentinel_proto::handshake::Service;

use super::NodeApiGuard;

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
    /// Path of the service's network namespace. `None`: that of this process.
    pub namespace: Option<PathBuf>,
    /// The node's API, which users of a proxy must not reach.
    pub node_api_guard: Option<NodeApiGuard>,
}

impl TunnelConfig {
    /// Settings for the node in `node_home`, with all other values missing.
    pub fn new(node_home: impl Into<PathBuf>) -> Self {
        Self {
            service: None,
            interface: None,
            api_addr: None,
            node_home: node_home.into(),
            namespace: None,
            node_api_guard: None,
        }
    }

    /// Guards the API of the node at `node`, if its service is or may be a proxy and its API can be guarded.
    #[must_use]
    pub fn with_node_api_guard(self, node: &Uri) -> Self {
        let known = self.service.or_else(|| self.service_of_node());
        let node_api_guard = NodeApiGuard::for_node(node, known, self.namespace.as_deref());
        Self { node_api_guard, ..self }
    }

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
