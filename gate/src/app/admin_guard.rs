//! Guard of the private address, and the condition under which it requires the token.

use std::path::Path;

use sentinel_proto::handshake::Service;
use sovereign_tunnel::is_proxy;
use tokio::sync::watch;

use super::{StartError, components};
use crate::config::Config;
use crate::node::NodeState;
use crate::ops::admin_guard::AdminGuard;
use crate::store::Store;

/// Creates the guard of the private address of the gate in `home`.
pub(super) fn admin_guard(
    home: &Path,
    config: &Config,
    node: watch::Receiver<NodeState>,
    store: Store,
) -> Result<AdminGuard, StartError> {
    let tunnel = components::tunnel_config(config)?;
    let needed = move || {
        let told = || tunnel.service_of_node().into_iter().chain(node.borrow().service).collect();
        let known = tunnel.service.map_or_else(told, |service| vec![service]);
        let recorded =
            || store.sessions().list().iter().filter_map(|record| record.service.parse().ok()).collect();
        is_loopback_exposed(&known, recorded)
    };
    Ok(AdminGuard::new(home, Box::new(needed))?)
}

/// Whether clients other than the machine's own programs reach its loopback. While the service is unknown, the services
/// of recorded sessions decide.
fn is_loopback_exposed(known: &[Service], recorded: impl FnOnce() -> Vec<Service>) -> bool {
    if known.is_empty() { recorded().into_iter().any(is_proxy) } else { known.iter().copied().any(is_proxy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxy_services_expose_the_loopback() {
        use Service::{AmneziaWg, OpenVpn, V2Ray, WireGuard, Xray};
        for service in [V2Ray, Xray] {
            assert!(is_loopback_exposed(&[service], Vec::new));
            assert!(
                is_loopback_exposed(&[WireGuard, service], Vec::new),
                "the node's home and the node do not agree"
            );
            assert!(is_loopback_exposed(&[], || vec![WireGuard, service]));
            assert!(!is_loopback_exposed(&[WireGuard], || vec![service]));
        }
        for service in [WireGuard, AmneziaWg, OpenVpn] {
            assert!(!is_loopback_exposed(&[service], Vec::new));
            assert!(!is_loopback_exposed(&[], || vec![service]));
        }
        assert!(!is_loopback_exposed(&[], Vec::new));
    }
}
