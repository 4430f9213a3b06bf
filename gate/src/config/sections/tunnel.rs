//! Conversion of the section `[tunnel]` to the settings of the tunnel drivers.

use std::net::{AddrParseError, SocketAddr};

use sentinel_proto::handshake::{Service, UnknownService};
use sovereign_tunnel::TunnelConfig;

use super::TunnelSection;

/// Why the section `[tunnel]` is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunnelSectionError {
    /// Unknown service.
    #[error("tunnel.service: {0}")]
    Service(#[from] UnknownService),
    /// Not an address.
    #[error("tunnel.api_addr: {0}")]
    ApiAddr(#[from] AddrParseError),
}

impl TunnelSection {
    /// The configured service; `None`: as the node reports.
    pub fn service(&self) -> Result<Option<Service>, UnknownService> {
        if self.service == "auto" { Ok(None) } else { self.service.parse().map(Some) }
    }

    /// The configured management address; `None`: as in the node's home.
    pub fn api_addr(&self) -> Result<Option<SocketAddr>, AddrParseError> {
        if self.api_addr == "auto" { Ok(None) } else { self.api_addr.parse().map(Some) }
    }

    /// The configured interface; `None`: that of stock nodes.
    pub fn interface(&self) -> Option<&str> {
        (self.interface != "auto").then_some(self.interface.as_str())
    }
}

impl TryFrom<&TunnelSection> for TunnelConfig {
    type Error = TunnelSectionError;

    fn try_from(section: &TunnelSection) -> Result<Self, TunnelSectionError> {
        let namespace = &section.namespace;
        Ok(Self {
            service: section.service()?,
            interface: section.interface().map(str::to_owned),
            api_addr: section.api_addr()?,
            namespace: (!namespace.as_os_str().is_empty()).then(|| namespace.clone()),
            ..Self::new(section.node_home.clone())
        })
    }
}
