//! The application: [`App::build`] creates all components, [`App::spawn`] starts their tasks, [`Drain`] stops them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use sentinel_proto::address::NodeAddress;
use service_runtime::{admin, logs, shutdown};
use sovereign_contracts::follower;
use sovereign_tunnel::Tunnel;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod admin_guard;
pub(crate) mod components;
mod drain;
mod error;
mod reload_targets;

pub use self::drain::Drain;
pub use self::error::StartError;
use self::reload_targets::ReloadTargets;
use crate::access::Access;
use crate::admission::{Admission, AdmissionDeps, AdmissionPolicy, AdmissionSettings, Sessions};
use crate::config::Config;
use crate::edge::{ClientRateLimiter, Edge, EdgeDeps, GateApi, Listener, ListenerConfig, Upstream, tls};
use crate::enforce::{Enforcer, EnforcerDeps, Evictor, SteadyClock};
use crate::governance;
use crate::handshake::{HandshakeDeps, HandshakeHandler};
use crate::node::{self, NodeState, NodeWatcher};
use crate::ops::admin::AdminApi;
use crate::ops::health::{Health, HealthDeps};
use crate::ops::metrics;
use crate::signin::{SignIn, SignInConfig, SignInDeps, SignInRateLimiter};
use crate::standing;
use crate::store::clock::Clock;
use crate::store::{Store, StoreOptions};

/// Interval between removals of idle rate-limit entries.
const LIMITER_SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Runs the gate in `home` until a termination signal.
pub async fn run(home: &Path, config: Config) -> Result<(), StartError> {
    // Fails only if a provider is installed already, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    logs::start(config.log.format, &config.log.level)?;
    let drain = App::build(home, config).await?.spawn();
    shutdown::wait_for_signal().await?;
    drain.drain().await;
    Ok(())
}

/// All components of the gate, with both addresses bound and no task started.
pub struct App {
    shutdown_timeout: Duration,
    listener: Listener,
    admin_listener: TcpListener,
    admin_routes: Router,
    store: Store,
    known_node: Option<NodeAddress>,
    node: watch::Receiver<NodeState>,
    node_watcher: NodeWatcher<Upstream>,
    standing_follower: Option<standing::StandingFollower>,
    governance_follower: Option<governance::GovernanceFollower>,
    event_follower: follower::Follower,
    changes: Arc<follower::ChangeAccumulator>,
    access: Arc<Access>,
    admission: Arc<Admission>,
    sessions: Arc<Sessions>,
    evictor: Arc<Evictor>,
    enforcer: Arc<Enforcer>,
    tunnel: Arc<dyn Tunnel>,
    reload_targets: Arc<ReloadTargets>,
    rate_limiters: (Arc<ClientRateLimiter>, Arc<SignInRateLimiter>),
}

impl App {
    /// Creates all components from `config` and binds both addresses, so that an occupied address has no side effects.
    #[expect(clippy::too_many_lines, reason = "wiring reads as one list")]
    pub async fn build(home: &Path, config: Config) -> Result<Self, StartError> {
        let metrics = metrics::install()?;
        let clock: Arc<dyn Clock> = Arc::new(SteadyClock::start());
        let store = Store::open_with(home, StoreOptions::from(&config), Arc::clone(&clock)).await?;
        let upstream = Arc::new(components::upstream(&config)?);
        let known_node = store.progress().node_address().await?;
        let (node_watcher, node) = NodeWatcher::new(Arc::clone(&upstream), known_node);
        let reader = components::reader(&config)?;
        let access = components::access(&config, Arc::clone(&reader))?;
        let sessions = components::sessions(&config, &store)?;
        let (governance_follower, governance) = components::governance(&config, Arc::clone(&reader));
        let (standing_follower, standing) = components::standing(&config, &reader, &sessions)?;
        let sign_in = SignIn::new(
            &SignInConfig::from(&config),
            SignInDeps {
                store: store.clone(),
                entitlements: Arc::clone(&access) as _,
                contracts: Arc::clone(&reader) as _,
                clock: Arc::clone(&clock),
                governance: governance.clone(),
            },
        )?;
        let tunnel_config = components::tunnel_config(&config)?;
        let tunnel = components::tunnel(&config, node.clone())?;
        let evictor = Evictor::new(store.clone(), Arc::clone(&tunnel));
        let evictor = Arc::new(evictor.with_node_check(node::liveness_check(Arc::clone(&upstream))));
        let admission = Admission::new(
            AdmissionDeps {
                access: Arc::clone(&access),
                sessions: Arc::clone(&sessions),
                store: store.clone(),
                evictor: Arc::clone(&evictor) as _,
                clock: Arc::clone(&clock),
            },
            AdmissionPolicy::from(&config.policy),
            AdmissionSettings::from(&config),
        );
        let admission = Arc::new(admission.governed(governance.clone()).standing(standing));
        let enforcer = Enforcer::new(&EnforcerDeps {
            store: store.clone(),
            access: Arc::clone(&access),
            admission: Arc::clone(&admission),
            sessions: Arc::clone(&sessions),
            evictor: Arc::clone(&evictor),
            clock: Arc::clone(&clock),
            foreign_peers: config.tunnel.foreign_peers,
        });
        let (event_follower, changes, watched) =
            components::follower(&config, reader, &access, &store).await?;
        let handshakes = Arc::new(HandshakeHandler::new(HandshakeDeps {
            admission: Arc::clone(&admission),
            enforcer: Arc::clone(&enforcer),
            forwarder: Arc::clone(&upstream),
            store: store.clone(),
            clock,
            service: config.tunnel.service()?,
            node: node.clone(),
        }));
        let (rate, shutdown_timeout) =
            (Arc::new(ClientRateLimiter::new(&config.limits)), config.gate.shutdown_timeout);
        let (devices, limits) = (sign_in.device_limits(), sign_in.rate_limiter());
        let api = GateApi::new(sign_in, Arc::clone(&access), Arc::clone(&enforcer));
        let edge = Arc::new(Edge::new(EdgeDeps {
            upstream,
            handshakes,
            api,
            rate: Arc::clone(&rate),
            max_body_bytes: config.limits.body_bytes,
        }));

        let guard = admin_guard::admin_guard(home, &config, node.clone(), store.clone())?;
        let (listener, admin_listener) = listen(home, &config, edge).await?;

        let reload_targets = Arc::new(ReloadTargets {
            admission: Arc::clone(&admission),
            access: Arc::clone(&access),
            enforcer: Arc::clone(&enforcer),
            governance: governance.clone(),
            watched,
            rate: Arc::clone(&rate),
            devices,
        });
        let reload = Arc::new(reload_targets.reload(home, config));
        let health = Arc::new(Health::new(HealthDeps {
            node: node.clone(),
            sessions: Arc::clone(&sessions),
            access: Arc::clone(&access),
            governance,
            admission: Arc::clone(&admission),
            store: store.clone(),
            max_peers: tunnel_config.max_peers_of_node(),
        }));
        let admin =
            AdminApi { health, metrics, store: store.clone(), enforcer: Arc::clone(&enforcer), reload };
        let admin_routes = guard.guard_routes(admin.routes());
        Ok(Self {
            shutdown_timeout,
            listener,
            admin_listener,
            admin_routes,
            store,
            known_node,
            node,
            node_watcher,
            standing_follower,
            governance_follower,
            event_follower,
            changes,
            access,
            admission,
            sessions,
            evictor,
            enforcer,
            tunnel,
            reload_targets,
            rate_limiters: (rate, limits),
        })
    }

    /// Starts all tasks.
    pub fn spawn(self) -> Drain {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let node = || self.node.clone();
        // Serve the operator.
        tasks.spawn(admin::serve(self.admin_listener, self.admin_routes, stop.clone()));
        // Follow the node, its standing, governance and the existing cards.
        tasks.spawn(self.node_watcher.run(stop.clone()));
        tasks.spawn(components::persist_node_address(
            node(),
            self.known_node,
            self.store.clone(),
            stop.clone(),
        ));
        tasks.spawn(components::follow_standing(
            self.standing_follower,
            node(),
            &self.admission,
            stop.clone(),
        ));
        tasks.spawn(self.reload_targets.follow(self.governance_follower, node(), stop.clone()));
        tasks.spawn(components::follow_cards(self.access, stop.clone()));
        // Follow sessions on the hub and events on Ethereum, and enforce what follows from them.
        tasks.spawn(components::follow_sessions(self.sessions, node(), self.evictor, stop.clone()));
        tasks.spawn(components::follow_events(
            self.event_follower,
            self.changes,
            Arc::clone(&self.enforcer),
            stop.clone(),
        ));
        tasks.spawn(self.enforcer.run(stop.clone()));
        tasks.spawn(components::maintain_tunnel(self.tunnel, stop.clone()));
        tasks.spawn(components::sweep_limiters(self.rate_limiters, LIMITER_SWEEP_INTERVAL, stop.clone()));
        // Serve clients last.
        let serving = tasks.spawn(self.listener.serve(stop.clone(), self.shutdown_timeout));
        Drain { stop, tasks, serving, store: self.store, shutdown_timeout: self.shutdown_timeout }
    }
}

/// Binds both addresses before anything starts, so that an occupied address has no side effects.
async fn listen(
    home: &Path,
    config: &Config,
    edge: Arc<Edge>,
) -> Result<(Listener, TcpListener), StartError> {
    let listener = ListenerConfig {
        address: config.gate.listen_addr,
        tls: tls::server_config(home, &config.gate)?,
        limits: components::listener_limits(config),
    };
    let listener =
        Listener::bind(listener, edge).await.map_err(admin::BindError::at(config.gate.listen_addr))?;
    let private = admin::bind(config.gate.admin_addr).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        clients = %config.gate.listen_addr,
        private = %config.gate.admin_addr,
        node = config.gate.node_url,
        sign_in = config.gate.sign_in_url(),
        "the gate is open"
    );
    Ok((listener, private))
}
