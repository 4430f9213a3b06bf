//! The node's own API, as the users of a proxy reach it: they come from the node's machine.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use http::Uri;

use super::{TunnelConfig, is_proxy};

/// Where the gate's own connections to a node on its machine come from, this one and the next one's. What a proxy opens
/// for its users comes from the address that the system chooses, which is never this one.
const OWN: Ipv4Addr = Ipv4Addr::new(127, 83, 71, 84);

/// What has to be closed to the users of V2Ray and Xray, who reach through the service whatever its machine reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// Where the node's API listens.
    pub port: u16,
    /// Whose connections over loopback pass. `None`: nobody's, for the gate comes from outside.
    pub own: Option<Ipv4Addr>,
}

impl Door {
    /// Of the node at `node`, if its service is a proxy, or may be one, and the gate can keep others from the node.
    pub fn of(node: &Uri, tunnel: &TunnelConfig) -> Option<Self> {
        let known = tunnel.service.or_else(|| tunnel.service_of_node());
        if known.is_some_and(|service| !is_proxy(service)) {
            return None;
        }
        let port = node.port_u16().unwrap_or(80);
        let elsewhere = tunnel.namespace.as_deref().is_some_and(|namespace| !is_own(namespace));
        match (here(node.host()?), elsewhere) {
            (Some(IpAddr::V4(_)), false) => Some(Self { port, own: Some(OWN) }),
            (None, true) => Some(Self { port, own: None }),
            // Over IPv6 a machine has one address that is surely its own; and what passes connections on into another
            // namespace may come over loopback there.
            _ => None,
        }
    }
}

/// An address of this machine.
fn here(host: &str) -> Option<IpAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.parse().ok()? };
    is_here(address).then_some(address)
}

/// Whether an address is one of this machine's.
pub fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether this is our own network namespace.
fn is_own(namespace: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    id(namespace).is_some_and(|that| id("/proc/self/ns/net".as_ref()) == Some(that))
}

#[cfg(test)]
mod tests {
    use sentinel_proto::handshake::Service;

    use super::*;

    #[test]
    fn a_node_on_this_machine_is_kept_from_the_users_of_a_proxy() {
        let home = tempfile::tempdir().unwrap();
        let defaults = TunnelConfig::try_from(&crate::config::Tunnel::default()).unwrap();
        let config = TunnelConfig { node_home: home.path().into(), ..defaults };
        let of = |node: &str, config: &TunnelConfig| Door::of(&node.parse().unwrap(), config);
        let ours = Some(Door { port: 18585, own: Some(OWN) });
        let elsewhere = Some(Door { port: 18585, own: None });
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
            assert_eq!(of("http://127.0.0.1", &config).map(|door| door.port), Some(80));
        }
        let config = TunnelConfig { service: Some(Service::WireGuard), ..config };
        assert_eq!(of("http://127.0.0.1:18585", &config), None);
    }
}
