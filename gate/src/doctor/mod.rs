//! Checks of `doctor`: every dependency of the gate, and whether the node is reachable around the gate. Read-only, also
//! beside a running gate.

mod ethereum;
mod exposure;
mod hub;
mod node;

use sentinel_proto::hub::HubClient;
use service_runtime::doctor::Check;

use crate::app::{StartError, components};
use crate::config::Config;

/// Runs all checks of `config`.
pub async fn run_checks(config: &Config) -> Result<Vec<Check>, StartError> {
    // Fails only if a provider is installed already, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reader = components::reader(config)?;
    let hub_client = HubClient::new(config.hub.client())?;
    let upstream = components::upstream(config)?;
    let mut checks = ethereum::check_providers(&reader).await;
    checks.extend(ethereum::check_contracts(config, &reader).await);
    checks.extend(hub::check_endpoints(&hub_client).await);
    let (check, info) = node::check_info(&upstream).await;
    checks.push(check);
    if let Some(info) = info {
        checks.extend(hub::check_hub_listing(config, &hub_client, &info.address).await);
        checks.extend(node::check_standing(config, &reader, &hub_client, info.address).await?);
    }
    let service = info.map(|info| info.service);
    checks.push(exposure::check_admin_address(config));
    checks.push(exposure::check_bypass(config).await);
    checks.extend(exposure::check_proxy_bypass(config, service)?);
    checks.push(node::check_tunnel(config, service).await?);
    Ok(checks)
}
