//! Wiring of all components.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::{admin, logs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod error;
mod admin_guard;
mod reload_targets;
pub(crate) mod components;

pub use self::error::StartError;
use self::reload_targets::ReloadTargets;
use crate::admission::{Admission, AdmissionPolicy, AdmissionSettings};
use crate::config::Config;
use crate::edge::{ClientRateLimiter, Edge, GateApi, HandshakeHandler, Listener, tls};
use crate::enforce::{Enforcer, EnforcerDeps, Evictor, SteadyClock};
use crate::ops::admin::AdminApi;
use crate::ops::health::Health;
use crate::ops::metrics;
use crate::node::{self, NodeWatcher};
use crate::signin::SignIn;
use crate::store::Store;
use crate::store::clock::Clock;

/// Interval between removals of idle rate-limit entries.
const LIMITER_SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Additional time for remaining tasks after the shutdown timeout of requests.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Runs the gate in `home` until a termination signal.
#[expect(clippy::too_many_lines, reason = "wiring reads as one list")]
pub async fn run(home: &Path, config: Config) -> Result<(), StartError> {
    // Fails only where a provider is installed already, which then is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    logs::start(config.log.format, &config.log.level)?;
    let metrics = metrics::install()?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();

    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
    let store = Store::open_with(home, components::store_options(&config), Arc::clone(&clock)).await?;
    let upstream = Arc::new(components::upstream(&config)?);
    let known_node = store.node_address().await?;
    let (watch, node) = NodeWatcher::new(Arc::clone(&upstream), known_node);
    let reader = components::reader(&config)?;
    let access = components::access(&config, Arc::clone(&reader))?;
    let sessions = components::sessions(&config, &store)?;
    let (governor, governance) = components::governance(&config, Arc::clone(&reader));
    let (registrar, standing) = components::standing(&config, &reader, &sessions)?;
    let sign_in = SignIn::new(
        &components::sign_in(&config),
        store.clone(),
        Arc::clone(&access) as _,
        Arc::clone(&reader) as _,
        Arc::clone(&clock),
    )?
    .governed(governance.clone());
    let tunnel_config = components::tunnel_config(&config)?;
    let tunnel = components::tunnel(&config, node.clone())?;
    let evictor = Evictor::new(store.clone(), Arc::clone(&tunnel));
    let evictor = Arc::new(evictor.with_node_check(node::liveness_check(Arc::clone(&upstream))));
    let admission = Admission::new(
        Arc::clone(&access),
        Arc::clone(&sessions),
        store.clone(),
        AdmissionPolicy::from(&config.policy),
        Arc::clone(&evictor),
        Arc::clone(&clock),
        AdmissionSettings { sign_in_url: components::sign_in_page(&config), unbound_ttl: config.binding.ttl },
    );
    let admission = Arc::new(admission.governed(governance.clone()).standing(standing));
    let enforcer = Enforcer::new(EnforcerDeps {
        store: store.clone(),
        access: Arc::clone(&access),
        admission: Arc::clone(&admission),
        sessions: Arc::clone(&sessions),
        evictor: Arc::clone(&evictor),
        clock: Arc::clone(&clock),
        foreign_peers: config.tunnel.foreign_peers,
    });
    let (follower, inbox, watched) = components::follower(&config, reader, &access, &store).await?;
    let handshakes = Arc::new(HandshakeHandler::new(
        Arc::clone(&admission),
        Arc::clone(&enforcer),
        Arc::clone(&upstream),
        store.clone(),
        clock,
        config.tunnel.service()?,
        node.clone(),
    ));
    let (rate, patience) = (Arc::new(ClientRateLimiter::new(&config.limits)), config.gate.shutdown_timeout);
    let (devices, limits) = (sign_in.device_limits(), sign_in.rate_limiter());
    let api = GateApi::new(sign_in, Arc::clone(&access), Arc::clone(&enforcer));
    let edge = Arc::new(Edge::new(upstream, handshakes, api, Arc::clone(&rate), config.limits.body_bytes));

    let guard = admin_guard::admin_guard(home, &config, node.clone(), store.clone())?;
    let (listener, private) = listen(home, &config, edge).await?;

    tasks.spawn(components::follow_standing(registrar, node.clone(), &admission, stop.clone()));
    let live = Arc::new(ReloadTargets {
        admission: Arc::clone(&admission),
        access: Arc::clone(&access),
        enforcer: Arc::clone(&enforcer),
        governance: governance.clone(),
        watched,
        rate: Arc::clone(&rate),
        devices,
    });
    let reload = Arc::new(live.reload(home, config));
    let health = Arc::new(
        Health::new(
            node.clone(),
            Arc::clone(&sessions),
            Arc::clone(&access),
            governance,
            admission,
            store.clone(),
        )
        .with_max_peers(tunnel_config.max_peers_of_node()),
    );
    let admin = AdminApi { health, metrics, store: store.clone(), enforcer: Arc::clone(&enforcer), reload };
    tasks.spawn(admin::serve(private, guard.guard_routes(admin.routes()), stop.clone()));
    tasks.spawn(watch.run(stop.clone()));
    tasks.spawn(live.follow(governor, node.clone(), stop.clone()));
    tasks.spawn(components::follow_cards(access, stop.clone()));
    tasks.spawn(components::persist_node_address(node.clone(), known_node, store.clone(), stop.clone()));
    tasks.spawn(components::follow_sessions(sessions, node, evictor, stop.clone()));
    tasks.spawn(components::follow_events(follower, inbox, Arc::clone(&enforcer), stop.clone()));
    tasks.spawn(enforcer.run(stop.clone()));
    tasks.spawn(components::maintain_tunnel(tunnel, stop.clone()));
    tasks.spawn(components::sweep_limiters((rate, limits), LIMITER_SWEEP_INTERVAL, stop.clone()));
    let serving = tasks.spawn(listener.serve(stop.clone(), patience));

    wait_for_shutdown_signal().await?;
    tracing::info!("stopping: waiting for requests in flight");
    stop.cancel();
    tasks.close();
    drain(serving, tasks, patience).await;
    store.close().await;
    Ok(())
}

/// Binds both addresses before anything starts, so that an occupied address has no side effects.
async fn listen(
    home: &Path,
    config: &Config,
    edge: Arc<Edge>,
) -> Result<(Listener, TcpListener), StartError> {
    let listener = Listener::bind(
        config.gate.listen_addr,
        tls::server_config(home, &config.gate)?,
        components::listener_limits(config),
        edge,
    )
    .await
    .map_err(StartError::bind(config.gate.listen_addr))?;
    let private =
        TcpListener::bind(config.gate.admin_addr).await.map_err(StartError::bind(config.gate.admin_addr))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        clients = %config.gate.listen_addr,
        private = %config.gate.admin_addr,
        node = config.gate.node_url,
        sign_in = components::sign_in_page(config),
        "the gate is open"
    );
    Ok((listener, private))
}

/// Waits for running tasks within a time limit, so that a hanging task cannot prevent the database from being closed
/// before the supervisor kills the process.
async fn drain(serving: JoinHandle<()>, tasks: TaskTracker, patience: Duration) {
    let ended = async {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the listener failed");
        }
        tasks.wait().await;
    };
    if tokio::time::timeout(patience + SHUTDOWN_GRACE, ended).await.is_err() {
        tracing::warn!("tasks still running after the shutdown timeout were cancelled");
    }
}

async fn wait_for_shutdown_signal() -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
