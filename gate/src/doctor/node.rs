//! Checks of the node: its info, its standing and its tunnel service.

use std::sync::Arc;

use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::Service;
use sentinel_proto::hub::HubClient;
use service_runtime::doctor::{Check, Verdict};
use sovereign_contracts::reader::Reader;
use tokio::sync::watch;

use crate::admission::AdmissionPolicy;
use crate::app::{StartError, components};
use crate::config::Config;
use crate::edge::Upstream;
use crate::node::{NodeInfo, NodeInfoSource as _, NodeState};
use crate::standing::{StandingQuery, StandingSource};

/// Checks that the node answers, and returns its info.
pub(super) async fn check_info(upstream: &Upstream) -> (Check, Option<NodeInfo>) {
    match upstream.query_info().await {
        Ok(Some(info)) => {
            let found = format!("{}, {}", info.address, info.service);
            (Check::new(Verdict::Good, "node", found), Some(info))
        }
        Ok(None) => (Check::new(Verdict::Warning, "node", "its rate limit is used up, try again"), None),
        Err(why) => (Check::new(Verdict::Bad, "node", why), None),
    }
}

/// Checks the standing of the node, if a source is configured.
pub(super) async fn check_standing(
    config: &Config,
    reader: &Arc<Reader>,
    hub: &HubClient,
    node: NodeAddress,
) -> Result<Vec<Check>, StartError> {
    let Some(source) = StandingSource::from_config(config, reader, hub)? else { return Ok(Vec::new()) };
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
pub(super) async fn check_tunnel(config: &Config, service: Option<Service>) -> Result<Check, StartError> {
    let state = NodeState { service, ..NodeState::default() };
    let (_sender, state) = watch::channel(state);
    let tunnel = components::tunnel(config, state)?;
    Ok(match tunnel.present().await {
        Ok(present) => Check::new(Verdict::Good, "tunnel", format!("{} peers", present.peers.len())),
        Err(error) => Check::new(Verdict::Bad, "tunnel", error.to_string()),
    })
}
