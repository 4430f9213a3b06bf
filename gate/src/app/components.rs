//! Constructors of the components from the configuration, and the tasks between modules.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::HubClient;
use sovereign_contracts::follower::{self, ChangeAccumulator, FollowerConfig, WatchedContracts};
use sovereign_contracts::reader::{Reader, ReaderConfig};
use sovereign_tunnel::{Tunnel, TunnelConfig};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::access::{Access, AccessConfig, EthereumMetrics};
use crate::admission::sessions::{Follower, SessionEvent};
use crate::admission::{Admission, Sessions};
use crate::config::Config;
use crate::edge::{ClientRateLimiter, ListenerLimits, Upstream};
use crate::enforce::{Enforcer, Evictor};
use crate::governance::{self, Governance};
use crate::node::NodeState;
use crate::ops::descriptors;
use crate::signin::SignInRateLimiter;
use crate::standing::{Standing, StandingFollower, StandingQuery, StandingSource};
use crate::store::{EvictionCause, Store};

/// Limits of the listener.
pub(crate) fn listener_limits(config: &Config) -> ListenerLimits {
    ListenerLimits {
        connections: descriptors::connection_limit(
            config.gate.max_connections,
            descriptors::raise_descriptor_limit(),
        ),
        ..ListenerLimits::from(config)
    }
}

/// Creates the reader of Ethereum.
pub(crate) fn reader(config: &Config) -> Result<Arc<Reader>, StartError> {
    let ethereum = &config.ethereum;
    let reader = ReaderConfig {
        rpc_addrs: ethereum.rpc_addrs.clone(),
        chain_id: ethereum.chain_id,
        quorum: ethereum.quorum,
        timeout: ethereum.timeout,
        max_head_age: ethereum.max_head_age,
        ..ReaderConfig::default()
    };
    Ok(Arc::new(Reader::new(reader, Arc::new(EthereumMetrics))?))
}

/// Creates the follower of standing and its handle; no follower if `[registry]` names no source.
pub(crate) fn standing(
    config: &Config,
    ethereum: &Arc<Reader>,
    sessions: &Sessions,
) -> Result<(Option<StandingFollower>, Standing), StartError> {
    let Some(source) = StandingSource::from_config(config, ethereum, sessions.hub())? else {
        return Ok((None, Standing::none()));
    };
    let registry = &config.registry;
    let (follower, standing) = StandingFollower::new(source, registry.interval, registry.max_age);
    Ok((Some(follower), standing))
}

/// Follows the standing of the node while policy requires it, until `stop`.
pub(crate) fn follow_standing(
    follower: Option<StandingFollower>,
    node: watch::Receiver<NodeState>,
    admission: &Arc<Admission>,
    stop: CancellationToken,
) -> impl Future<Output = ()> + use<> {
    let admission = Arc::clone(admission);
    let question = move || {
        let (policy, node) = (admission.policy(), node.borrow().address?);
        policy.requires_standing().then(|| StandingQuery { node, plans: policy.plans() })
    };
    async move {
        if let Some(follower) = follower {
            follower.run(question, stop).await;
        }
    }
}

/// Creates the access component.
pub(crate) fn access(config: &Config, reader: Arc<Reader>) -> Result<Arc<Access>, StartError> {
    Ok(Arc::new(Access::new(AccessConfig::from(config), reader)?))
}

/// Creates the follower of governance and its handle; no follower if no contract is configured.
pub(crate) fn governance(
    config: &Config,
    reader: Arc<Reader>,
) -> (Option<governance::GovernanceFollower>, Governance) {
    let switched_on = |contract: Address| (!contract.is_zero()).then_some(contract);
    let Some(parameters) = switched_on(config.governance.parameters) else {
        return (None, Governance::none());
    };
    let access_policy = switched_on(config.governance.access_policy);
    let contracts =
        governance::GovernanceContracts { parameters, access_policy, memes: config.memes.contract };
    let (follower, governance) =
        governance::GovernanceFollower::new(contracts, reader, config.memes.discovery_interval);
    (Some(follower), governance)
}

/// Creates the session registry; sessions recorded before a restart are watched from the start.
pub(crate) fn sessions(config: &Config, store: &Store) -> Result<Arc<Sessions>, StartError> {
    let sessions = Sessions::new(HubClient::new(config.hub.client())?);
    sessions.expect(store.sessions().list().iter().map(|record| record.session_id));
    Ok(Arc::new(sessions))
}

/// Opens the driver of the node's tunnel service.
pub(crate) fn tunnel(
    config: &Config,
    node: watch::Receiver<NodeState>,
) -> Result<Arc<dyn Tunnel>, StartError> {
    let service_of_node = Box::new(move || node.borrow().service);
    Ok(sovereign_tunnel::open(&tunnel_config(config)?, service_of_node)?)
}

/// Settings of the tunnel driver.
pub(crate) fn tunnel_config(config: &Config) -> Result<TunnelConfig, StartError> {
    let tunnel = TunnelConfig::try_from(&config.tunnel)?;
    Ok(tunnel.with_node_api_guard(&config.gate.node_url.parse()?))
}

/// Creates the HTTP client of the node.
pub(crate) fn upstream(config: &Config) -> Result<Upstream, StartError> {
    let from = tunnel_config(config)?.node_api_guard.and_then(|guard| guard.allowed_source);
    Ok(Upstream::new(config.gate.node_url.parse()?, from))
}

/// Creates the follower of Ethereum's events, resuming from the stored cursor, and its accumulator.
pub(crate) async fn follower(
    config: &Config,
    reader: Arc<Reader>,
    access: &Access,
    store: &Store,
) -> Result<(follower::Follower, Arc<ChangeAccumulator>, WatchedContracts), StartError> {
    let ethereum = &config.ethereum;
    let watched = WatchedContracts::from(access.watched_contracts());
    let follow = FollowerConfig {
        contracts: watched.clone(),
        ws_addrs: ethereum.ws_addrs.clone(),
        poll_interval: ethereum.poll_interval,
    };
    let inbox = Arc::new(ChangeAccumulator::default());
    let cursor = store.progress().ethereum_cursor().await?;
    Ok((follower::Follower::new(follow, reader, cursor, Arc::clone(&inbox)), inbox, watched))
}

/// Follows Ethereum's events and re-evaluates the affected sessions, until `stop`.
pub(crate) async fn follow_events(
    follower: follower::Follower,
    inbox: Arc<ChangeAccumulator>,
    enforcer: Arc<Enforcer>,
    stop: CancellationToken,
) {
    tokio::select! {
        () = enforcer.follow(inbox, stop) => {}
        () = follower.run() => {}
    }
}

/// Maintains the driver's settings that the node or time would undo, until `stop`.
pub(crate) async fn maintain_tunnel(tunnel: Arc<dyn Tunnel>, stop: CancellationToken) {
    tunnel.maintain(stop).await;
}

/// Discovers card ids until `stop`.
pub(crate) async fn follow_cards(access: Arc<Access>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = access.discover_card_ids() => {}
    }
}

/// Stores the node's address when it changes, until `stop`.
pub(crate) async fn persist_node_address(
    mut node: watch::Receiver<NodeState>,
    mut stored: Option<NodeAddress>,
    store: Store,
    stop: CancellationToken,
) {
    loop {
        let current = node.borrow_and_update().address;
        if let Some(address) = current.filter(|_| current != stored) {
            match store.progress().set_node_address(address).await {
                Ok(()) => stored = current,
                Err(error) => tracing::warn!(%error, "cannot store the node's address for the next start"),
            }
        }
        match stop.run_until_cancelled(node.changed()).await {
            Some(Ok(())) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// Follows the node's sessions on the hub and releases the resources of ended ones.
pub(crate) async fn follow_sessions(
    sessions: Arc<Sessions>,
    node: watch::Receiver<NodeState>,
    evictor: Arc<Evictor>,
    stop: CancellationToken,
) {
    let (events, mut ended) = mpsc::channel(64);
    let follower = Follower::new(sessions, move || node.borrow().address, events);
    let follow = follower.run(stop);
    let free = async {
        while let Some(event) = ended.recv().await {
            match event {
                // The key stays claimed until the session has left the hub; the device is free at once.
                SessionEvent::Cancelled(id) => {
                    evictor.evict(&[id], EvictionCause::Cancelled, Instant::now()).await;
                }
                SessionEvent::Ended(id) => evictor.end_session(id).await,
            }
        }
    };
    tokio::join!(follow, free);
}

/// Removes idle entries of the rate limiters periodically.
pub(crate) async fn sweep_limiters(
    limits: (Arc<ClientRateLimiter>, Arc<SignInRateLimiter>),
    every: Duration,
    stop: CancellationToken,
) {
    let (clients, wallets) = limits;
    while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        clients.remove_idle();
        wallets.remove_idle();
    }
}
