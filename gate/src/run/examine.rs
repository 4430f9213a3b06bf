//! Checks of `doctor`: every dependency of the gate, and whether the node is reachable around the gate. Read-only, also
//! beside a running gate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use http::Uri;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;
use sentinel_proto::hub::HubClient;
use sentinel_proto::wire::sentinel::types::v1::Status;
use service_runtime::doctor::{Check, Verdict};
use sovereign_contracts::reader::Reader;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{StartError, parts};
use crate::admission::AdmissionPolicy;
use crate::config::Config;
use crate::enforce::tunnel::{is_here, is_proxy};
use crate::ops::node::{self, NodeState};
use crate::standing::StandingQuery;

/// Timeout of a connection attempt: a filtered port never answers, an open one at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs all checks of `config`.
pub async fn run_checks(config: &Config) -> Result<Vec<Check>, StartError> {
    // Fails only if a provider is installed already, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reader = parts::reader(config)?;
    let hub = HubClient::new(config.hub.client())?;
    let upstream = parts::upstream(config)?;
    let mut checks = check_providers(&reader).await;
    checks.extend(check_contracts(config, &reader).await);
    let endpoints = hub.endpoints().await;
    checks.extend(endpoints.into_iter().map(|endpoint| match endpoint.state {
        Ok(height) => {
            Check::new(Verdict::Good, format!("hub {}", endpoint.endpoint), format!("at height {height}"))
        }
        Err(cause) => Check::new(Verdict::Bad, format!("hub {}", endpoint.endpoint), cause.to_string()),
    }));
    let told = match node::query_node(&upstream).await {
        Ok(Some(node::NodeInfo { address, service, .. })) => {
            checks.push(Check::new(Verdict::Good, "node", format!("{address}, {service}")));
            Some((address, service))
        }
        Ok(None) => {
            checks.push(Check::new(Verdict::Warning, "node", "its rate limit is used up, try again"));
            None
        }
        Err(why) => {
            checks.push(Check::new(Verdict::Bad, "node", why));
            None
        }
    };
    if let Some((address, _)) = told {
        checks.extend(check_hub_listing(config, &hub, &address).await);
        checks.extend(check_standing(config, &reader, &hub, address).await?);
    }
    checks.push(check_admin_address(config));
    checks.push(check_bypass(config).await);
    checks.extend(check_proxy_bypass(config, told)?);
    checks.push(check_tunnel(config, told).await?);
    Ok(checks)
}

/// Checks each provider and the quorum.
async fn check_providers(reader: &Reader) -> Vec<Check> {
    reader.probe(Duration::ZERO).await;
    let (mut checks, mut usable) = (Vec::new(), 0);
    for provider in reader.status() {
        let name = format!("ethereum {}", provider.provider);
        checks.push(match (provider.problem, provider.head) {
            (None, Some(block)) if provider.chain_checked => {
                usable += 1;
                Check::new(Verdict::Good, name, format!("at block {}", block.number))
            }
            (problem, _) => {
                let why = problem.map_or_else(|| "gives no answer that counts".to_owned(), |(why, _)| why);
                Check::new(Verdict::Bad, name, why)
            }
        });
    }
    let quorum = reader.config().quorum;
    if usable < quorum {
        let found = format!("{usable} providers answer, {quorum} must agree");
        checks.push(Check::new(Verdict::Bad, "ethereum", found));
    }
    checks
}

/// Checks that every configured contract has code.
async fn check_contracts(config: &Config, reader: &Reader) -> Vec<Check> {
    let own_chain = !config.registry.rpc_addrs.is_empty();
    let mut named = vec![
        ("memes.contract", config.memes.contract),
        ("delegation.nft_delegation", config.delegation.nft_delegation),
        ("delegation.delegate_registry", config.delegation.delegate_registry),
        ("governance.parameters", config.governance.parameters),
        ("governance.access_policy", config.governance.access_policy),
        ("multicall", reader.config().aggregator),
    ];
    named.extend(config.collections.iter().map(|collection| ("collections.contract", collection.contract)));
    if !own_chain {
        named.push(("registry.contract", config.registry.contract));
    }
    named.retain(|(_, contract)| !contract.is_zero());
    let wanted: Vec<Address> = named.iter().map(|(_, contract)| *contract).collect();
    match reader.without_code(&wanted).await {
        Err(error) => vec![Check::new(Verdict::Bad, "contracts", error.to_string())],
        Ok(missing) => named
            .into_iter()
            .map(|(name, contract)| {
                if missing.contains(&contract) {
                    Check::new(Verdict::Bad, name, format!("no contract at {contract}"))
                } else {
                    Check::new(Verdict::Good, name, contract.to_string())
                }
            })
            .collect(),
    }
}

/// Checks that the hub lists the node as active and with the port of the gate.
async fn check_hub_listing(config: &Config, hub: &HubClient, address: &NodeAddress) -> Vec<Check> {
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

/// Checks that the private address is a loopback address.
fn check_admin_address(config: &Config) -> Check {
    let name = "private address";
    match config.gate.exposure_warning() {
        Some(warning) => Check::new(Verdict::Warning, name, warning),
        None => Check::new(Verdict::Good, name, format!("{} is loopback", config.gate.admin_addr)),
    }
}

/// Checks that the node's port is closed where holders reach the gate.
async fn check_bypass(config: &Config) -> Check {
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
fn check_proxy_bypass(
    config: &Config,
    told: Option<(NodeAddress, Service)>,
) -> Result<Option<Check>, StartError> {
    let tunnel = parts::tunnel_config(config)?;
    let open = told.filter(|(_, service)| tunnel.door.is_none() && is_proxy(*service));
    Ok(open.map(|(_, service)| {
        let found = format!(
            "users of {service} reach {} through their tunnel, and the gate cannot keep them from it: \
             write the node's IPv4 address on this machine into gate.node_url",
            config.gate.node_url
        );
        Check::new(Verdict::Warning, "around the gate, within", found)
    }))
}

/// Checks the standing of the node, if a source is configured.
async fn check_standing(
    config: &Config,
    reader: &Arc<Reader>,
    hub: &HubClient,
    node: NodeAddress,
) -> Result<Vec<Check>, StartError> {
    let Some(source) = parts::standing_source(config, reader, hub)? else { return Ok(Vec::new()) };
    let plans = AdmissionPolicy::from(&config.policy).plans();
    let bad = if config.policy.require_standing { Verdict::Bad } else { Verdict::Warning };
    Ok(vec![match source.read_standing(&StandingQuery { node, plans: plans.clone() }, None).await {
        Err(error) => Check::new(bad, "standing", error.to_string()),
        Ok(finding) => match finding.first_fault(&plans) {
            None => Check::new(Verdict::Good, "standing", "good"),
            Some(fault) => Check::new(bad, "standing", fault.to_string()),
        },
    }])
}

/// Checks that the tunnel service accepts commands.
async fn check_tunnel(config: &Config, told: Option<(NodeAddress, Service)>) -> Result<Check, StartError> {
    let state = NodeState { service: told.map(|(_, service)| service), ..NodeState::default() };
    let (_teller, state) = watch::channel(state);
    let tunnel = parts::tunnel(config, state)?;
    Ok(match tunnel.present().await {
        Ok(present) => Check::new(Verdict::Good, "tunnel", format!("{} peers", present.peers.len())),
        Err(error) => Check::new(Verdict::Bad, "tunnel", error.to_string()),
    })
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
