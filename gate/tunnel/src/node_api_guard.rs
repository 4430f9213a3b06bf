//! Which connections to the node's API are blocked, because users of a proxy connect from the node's machine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use http::Uri;
use sentinel_proto::handshake::Service;

use super::is_proxy;

/// Source address of the gate's connections to a node on its machine, fixed across restarts. Connections that a proxy
/// opens for its users come from the address that the system chooses, which is never this one.
const GATE_SOURCE_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 83, 71, 84);

/// The node's API port, closed to users of V2Ray and Xray, which give access to everything that the machine reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeApiGuard {
    /// Port of the node's API.
    pub port: u16,
    /// Source address whose connections over loopback pass. `None`: none pass, because the gate connects from outside.
    pub allowed_source: Option<Ipv4Addr>,
}

impl NodeApiGuard {
    /// The guard for the node at `node`, if its service is or may be a proxy and the gate can protect the API.
    /// `known`: its service; `namespace`: path of the service's network namespace.
    pub(crate) fn for_node(node: &Uri, known: Option<Service>, namespace: Option<&Path>) -> Option<Self> {
        if known.is_some_and(|service| !is_proxy(service)) {
            return None;
        }
        let port = node.port_u16().unwrap_or(80);
        let elsewhere = namespace.is_some_and(|namespace| !is_own(namespace));
        match (here(node.host()?), elsewhere) {
            (Some(IpAddr::V4(_)), false) => Some(Self { port, allowed_source: Some(GATE_SOURCE_ADDRESS) }),
            (None, true) => Some(Self { port, allowed_source: None }),
            // Over IPv6 only one address is certain to be the machine's own; and a forwarder into another namespace may
            // connect over loopback there.
            _ => None,
        }
    }
}

/// Parses a host that is an address of this machine.
fn here(host: &str) -> Option<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.parse().ok()? };
    is_here(address).then_some(address)
}

/// Whether an address belongs to this machine.
pub fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether this is the gate's own network namespace.
fn is_own(namespace: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    id(namespace).is_some_and(|that| id("/proc/self/ns/net".as_ref()) == Some(that))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TunnelConfig;

    #[test]
    fn guards_node_on_this_machine_from_proxy_users() {
        let home = tempfile::tempdir().unwrap();
        let config = TunnelConfig::new(home.path());
        let of = |node: &str, config: &TunnelConfig| {
            config.clone().with_node_api_guard(&node.parse().unwrap()).node_api_guard
        };
        let ours = Some(NodeApiGuard { port: 18585, allowed_source: Some(GATE_SOURCE_ADDRESS) });
        let elsewhere = Some(NodeApiGuard { port: 18585, allowed_source: None });
        for service in [None, Some(Service::V2Ray), Some(Service::Xray)] {
            let config = TunnelConfig { service, ..config.clone() };
            let inside =
                |namespace: &str| TunnelConfig { namespace: Some(namespace.into()), ..config.clone() };
            for node in ["http://127.0.0.1:18585", "http://127.1.2.3:18585/", "http://localhost:18585"] {
                assert_eq!(of(node, &config), ours, "{node}");
                assert_eq!(of(node, &inside("/proc/self/ns/net")), ours, "{node}");
                assert_eq!(of(node, &inside("/nonexistent")), None, "{node}");
            }
            for node in ["http://[::1]:18585", "http://192.0.2.1:18585", "http://node:18585"] {
                assert_eq!(of(node, &config), None, "{node}");
            }
            assert_eq!(of("http://192.0.2.1:18585", &inside("/nonexistent")), elsewhere);
            assert_eq!(of("http://127.0.0.1", &config).map(|guard| guard.port), Some(80));
        }
        let config = TunnelConfig { service: Some(Service::WireGuard), ..config };
        assert_eq!(of("http://127.0.0.1:18585", &config), None);
    }
}
