//! Checks of exposure: the private address, and whether the node is reachable around the gate.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use sentinel_proto::handshake::Service;
use service_runtime::doctor::{Check, Verdict};
use sovereign_tunnel::{is_here, is_proxy};
use tokio::net::TcpStream;

use crate::app::{StartError, components};
use crate::config::Config;

/// Timeout of a connection attempt: a filtered port never answers, an open one at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks that the private address is a loopback address.
pub(super) fn check_admin_address(config: &Config) -> Check {
    let name = "private address";
    match config.gate.exposure_warning() {
        Some(warning) => Check::new(Verdict::Warning, name, warning),
        None => Check::new(Verdict::Good, name, format!("{} is loopback", config.gate.admin_addr)),
    }
}

/// Checks that the node's port is closed where holders reach the gate.
pub(super) async fn check_bypass(config: &Config) -> Check {
    let name = "around the gate";
    let host = |url: &str| url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    let node: Option<Uri> = config.gate.node_url.parse().ok();
    let port = node.as_ref().and_then(Uri::port_u16).unwrap_or(80);
    let Some(public) = host(&config.gate.public_url) else {
        return Check::new(Verdict::Warning, name, "gate.public_url has no host");
    };
    if Some(&public) == host(&config.gate.node_url).as_ref() {
        let found = "gate.public_url and gate.node_url have the same host: try from another machine";
        return Check::new(Verdict::Warning, name, found);
    }
    let target = format!("{public}:{port}");
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(&target).await {
        Ok(found) => found.collect(),
        Err(error) => return Check::new(Verdict::Warning, name, format!("cannot try {target}: {error}")),
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) => {
            let found = format!("{target} answers here: close the node's port to all but the gate");
            Check::new(Verdict::Bad, name, found)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Check::new(Verdict::Good, name, format!("{target} is closed"))
        }
        // The gate itself blocks proxy users, and thereby this machine.
        Ok(Err(_)) | Err(_) if addresses.iter().any(|address| is_here(address.ip())) => {
            let found = format!("{target} is this machine, and silent from here: try from another one");
            Check::new(Verdict::Warning, name, found)
        }
        // Either a firewall, or no route from here.
        Ok(Err(_)) | Err(_) => {
            let found =
                format!("{target} does not answer here, which proves nothing: try from another machine");
            Check::new(Verdict::Warning, name, found)
        }
    }
}

/// Checks that proxy users cannot reach the node through their tunnel: they connect from the node's machine.
pub(super) fn check_proxy_bypass(
    config: &Config,
    service: Option<Service>,
) -> Result<Option<Check>, StartError> {
    let tunnel = components::tunnel_config(config)?;
    let open = service.filter(|service| tunnel.node_api_guard.is_none() && is_proxy(*service));
    Ok(open.map(|service| {
        let found = format!(
            "users of {service} reach {} through their tunnel, and the gate cannot keep them from it: \
             write the node's IPv4 address on this machine into gate.node_url",
            config.gate.node_url
        );
        Check::new(Verdict::Warning, "around the gate, within", found)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unresolvable_name_is_a_warning() {
        let mut config = Config::default();
        config.gate.node_url = "http://127.0.0.1:18585".into();
        config.gate.public_url = "https://nowhere.invalid:8585".into();
        let check = check_bypass(&config).await;
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.found.contains("cannot try nowhere.invalid:18585"), "{}", check.found);
    }

    #[tokio::test]
    async fn only_a_refused_connection_proves_a_closed_port() {
        let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let mut config = Config::default();
        config.gate.node_url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        config.gate.public_url = "https://127.0.0.2:8585".into();
        assert_eq!(check_bypass(&config).await.verdict, Verdict::Bad);
        drop(listener);
        assert_eq!(check_bypass(&config).await.verdict, Verdict::Good);
        // A link-local address without an interface is unreachable.
        config.gate.public_url = "https://[fe80::1]:8585".into();
        assert_eq!(check_bypass(&config).await.verdict, Verdict::Warning);
    }
}
