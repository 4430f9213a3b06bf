//! Whether the private address asks for its token.

use std::path::Path;

use sentinel_proto::handshake::Service;
use tokio::sync::watch;

use super::{StartError, parts};
use crate::config::Config;
use crate::enforce::tunnel;
use crate::ops::node::NodeState;
use crate::ops::private::Private;
use crate::store::Store;

/// What stands before the private address of the gate in `home`.
pub(super) fn guard(
    home: &Path,
    config: &Config,
    node: watch::Receiver<NodeState>,
    store: Store,
) -> Result<Private, StartError> {
    let tunnel = parts::tunnel_config(config)?;
    let needed = move || {
        let told = || tunnel.service_of_node().into_iter().chain(node.borrow().service).collect();
        let known = tunnel.service.map_or_else(told, |service| vec![service]);
        let recorded =
            || store.list_sessions().iter().filter_map(|record| record.service.parse().ok()).collect();
        is_reached(&known, recorded)
    };
    Ok(Private::new(home, Box::new(needed))?)
}

/// Whether others than the machine's own programs reach its loopback. While the service is not known, what it was when
/// sessions were recorded it may be still.
fn is_reached(known: &[Service], recorded: impl FnOnce() -> Vec<Service>) -> bool {
    if known.is_empty() {
        recorded().into_iter().any(tunnel::is_proxy)
    } else {
        known.iter().copied().any(tunnel::is_proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_a_proxy_reach_it_and_nobody_else_does() {
        use Service::{AmneziaWg, OpenVpn, V2Ray, WireGuard, Xray};
        for service in [V2Ray, Xray] {
            assert!(is_reached(&[service], Vec::new));
            assert!(is_reached(&[WireGuard, service], Vec::new), "the node's home and the node do not agree");
            assert!(is_reached(&[], || vec![WireGuard, service]));
            assert!(!is_reached(&[WireGuard], || vec![service]));
        }
        for service in [WireGuard, AmneziaWg, OpenVpn] {
            assert!(!is_reached(&[service], Vec::new));
            assert!(!is_reached(&[], || vec![service]));
        }
        assert!(!is_reached(&[], Vec::new));
    }
}
