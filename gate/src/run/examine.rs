//! `doctor`: whether everything that the gate needs is there and answers, and whether the node can be reached around it.
//! Looks only; also beside a running gate.

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
use crate::admission::Policy;
use crate::config::Config;
use crate::enforce::tunnel::{is_here, is_proxy};
use crate::ops::node::{self, NodeState};
use crate::standing::Question;

/// A port that is filtered answers nothing; one that is open, at once.
const KNOCK: Duration = Duration::from_secs(2);

/// Looks at everything that `config` names.
pub async fn examine(config: &Config) -> Result<Vec<Check>, StartError> {
    // Fails only where a provider is installed already, which then is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reader = parts::reader(config)?;
    let hub = HubClient::new(config.hub.client())?;
    let upstream = parts::upstream(config)?;
    let mut checks = ethereum(&reader).await;
    checks.extend(contracts(config, &reader).await);
    let endpoints = hub.endpoints().await;
    checks.extend(endpoints.into_iter().map(|endpoint| match endpoint.state {
        Ok(height) => {
            Check::new(Verdict::Good, format!("hub {}", endpoint.endpoint), format!("at height {height}"))
        }
        Err(cause) => Check::new(Verdict::Bad, format!("hub {}", endpoint.endpoint), cause.to_string()),
    }));
    let told = match node::ask(&upstream).await {
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
        checks.extend(listing(config, &hub, &address).await);
        checks.extend(standing(config, &reader, &hub, address).await?);
    }
    checks.push(private(config));
    checks.push(around(config).await);
    checks.extend(within(config, told)?);
    checks.push(tunnel(config, told).await?);
    Ok(checks)
}

/// Each provider, and whether enough of them answer.
async fn ethereum(reader: &Reader) -> Vec<Check> {
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

/// Every contract that is named is there.
async fn contracts(config: &Config, reader: &Reader) -> Vec<Check> {
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

/// The hub knows the node, and sends clients to the gate's port.
async fn listing(config: &Config, hub: &HubClient, address: &NodeAddress) -> Vec<Check> {
    let found = match hub.node(address).await {
        Ok(Some(found)) => found,
        Ok(None) => return vec![Check::new(Verdict::Bad, "node on the hub", "not registered")],
        Err(error) => return vec![Check::new(Verdict::Bad, "node on the hub", error.to_string())],
    };
    let active = match found.status() {
        Status::Active => Check::new(Verdict::Good, "node on the hub", "active"),
        _ => Check::new(Verdict::Warning, "node on the hub", "not active: nobody can start a session"),
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

/// The operator's address is for programs of this machine.
fn private(config: &Config) -> Check {
    let name = "private address";
    match config.gate.exposed() {
        Some(warning) => Check::new(Verdict::Warning, name, warning),
        None => Check::new(Verdict::Good, name, format!("{} is loopback", config.gate.admin_addr)),
    }
}

/// The node's own port must not be open where holders reach the gate.
async fn around(config: &Config) -> Check {
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
    match tokio::time::timeout(KNOCK, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) => {
            let found = format!("{target} answers here: close the node's port to everybody but the gate");
            Check::new(Verdict::Bad, name, found)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Check::new(Verdict::Good, name, format!("{target} is closed"))
        }
        // The gate itself keeps users of a proxy, and so this machine, from it.
        Ok(Err(_)) | Err(_) if addresses.iter().any(|address| is_here(address.ip())) => {
            let found = format!("{target} is this machine, and silent from here: try from another one");
            Check::new(Verdict::Warning, name, found)
        }
        // A firewall, but as well a way that does not lead there from here.
        Ok(Err(_)) | Err(_) => {
            let found =
                format!("{target} does not answer here, which proves nothing: try from another machine");
            Check::new(Verdict::Warning, name, found)
        }
    }
}

/// Users of a proxy come from the node's machine.
fn within(config: &Config, told: Option<(NodeAddress, Service)>) -> Result<Option<Check>, StartError> {
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

/// What `[registry]` says of the node, where policy asks for it.
async fn standing(
    config: &Config,
    reader: &Arc<Reader>,
    hub: &HubClient,
    node: NodeAddress,
) -> Result<Vec<Check>, StartError> {
    let Some(source) = parts::standing_source(config, reader, hub)? else { return Ok(Vec::new()) };
    let plans = Policy::from(&config.policy).plans();
    let bad = if config.policy.require_standing { Verdict::Bad } else { Verdict::Warning };
    Ok(vec![match source.ask(&Question { node, plans: plans.clone() }, None).await {
        Err(error) => Check::new(bad, "standing", error.to_string()),
        Ok(finding) => match finding.first_fault(&plans) {
            None => Check::new(Verdict::Good, "standing", "good"),
            Some(fault) => Check::new(bad, "standing", fault.to_string()),
        },
    }])
}

/// The tunnel service takes orders.
async fn tunnel(config: &Config, told: Option<(NodeAddress, Service)>) -> Result<Check, StartError> {
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
    async fn a_name_that_leads_nowhere_is_not_called_closed() {
        let mut config = Config::default();
        config.gate.node_url = "http://127.0.0.1:18585".into();
        config.gate.public_url = "https://nowhere.invalid:8585".into();
        let check = around(&config).await;
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.found.contains("cannot try nowhere.invalid:18585"), "{}", check.found);
    }

    #[tokio::test]
    async fn only_a_refusal_proves_that_a_port_is_closed() {
        let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        let mut config = Config::default();
        config.gate.node_url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        config.gate.public_url = "https://127.0.0.2:8585".into();
        assert_eq!(around(&config).await.verdict, Verdict::Bad);
        drop(listener);
        assert_eq!(around(&config).await.verdict, Verdict::Good);
        // Nothing leads there without the name of an interface.
        config.gate.public_url = "https://[fe80::1]:8585".into();
        assert_eq!(around(&config).await.verdict, Verdict::Warning);
    }

    #[test]
    fn the_port_of_an_advertised_address_is_its_end() {
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
