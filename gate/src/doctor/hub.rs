//! Checks of the hub: its endpoints and the listing of the node.

use http::Uri;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::HubClient;
use sentinel_proto::wire::sentinel::types::v1::Status;
use service_runtime::doctor::{Check, Verdict};

use crate::config::Config;

/// Checks each endpoint.
pub(super) async fn check_endpoints(hub: &HubClient) -> Vec<Check> {
    let endpoints = hub.endpoints().await.into_iter();
    let check = endpoints.map(|endpoint| {
        let name = format!("hub {}", endpoint.endpoint);
        match endpoint.state {
            Ok(height) => Check::new(Verdict::Good, name, format!("at height {height}")),
            Err(cause) => Check::new(Verdict::Bad, name, cause.to_string()),
        }
    });
    check.collect()
}

/// Checks that the hub lists the node as active and with the port of the gate.
pub(super) async fn check_hub_listing(config: &Config, hub: &HubClient, address: &NodeAddress) -> Vec<Check> {
    let found = match hub.node(address).await {
        Ok(Some(found)) => found,
        Ok(None) => return vec![Check::new(Verdict::Bad, "node on the hub", "not registered")],
        Err(error) => return vec![Check::new(Verdict::Bad, "node on the hub", error.to_string())],
    };
    let active = match found.status() {
        Status::Active => Check::new(Verdict::Good, "node on the hub", "active"),
        _ => Check::new(Verdict::Warning, "node on the hub", "not active: no session can be started"),
    };
    let public: Option<Uri> = config.gate.public_url.parse().ok();
    let port = public.as_ref().and_then(Uri::port_u16).unwrap_or(443);
    let addresses = found.remote_addrs.join(", ");
    let advertised = if found.remote_addrs.iter().any(|address| ends_with_port(address, port)) {
        Check::new(Verdict::Good, "advertised", addresses)
    } else {
        let found = format!("the hub sends clients to {addresses}, but gate.public_url has port {port}");
        Check::new(Verdict::Warning, "advertised", found)
    };
    vec![active, advertised]
}

fn ends_with_port(address: &str, port: u16) -> bool {
    address.trim_end_matches('/').rsplit(':').next().and_then(|text| text.parse().ok()) == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_port_of_advertised_address() {
        for good in
            ["203.0.113.9:8585", "gate.example:8585", "[2001:db8::1]:8585", "https://gate.example:8585/"]
        {
            assert!(ends_with_port(good, 8585), "{good}");
        }
        for bad in ["203.0.113.9", "203.0.113.9:585", ":", ""] {
            assert!(!ends_with_port(bad, 8585), "{bad}");
        }
    }
}
