//! Wiring: everything the gate is made of, on one screen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod error;
mod parts;

pub use self::error::StartError;
use crate::admission::{Admission, Policy};
use crate::config::Config;
use crate::edge::{Api, Edge, Handshakes, Lifetime, Listener, PerAddress, Upstream, tls};
use crate::ops::admin::{self, Admin};
use crate::ops::health::Health;
use crate::ops::node::NodeWatch;
use crate::ops::{logs, metrics};
use crate::signin::SignIn;
use crate::store::Store;
use crate::store::clock::{Clock, SystemClock};

const SWEEP: Duration = Duration::from_secs(30);

/// Runs the gate in `home` until it is told to stop.
pub async fn start(home: &Path, config: Config) -> Result<(), StartError> {
    // Fails only where a provider is installed already, which then is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    logs::start(&config.log)?;
    let metrics = metrics::install()?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(home).await?;
    let upstream = Arc::new(Upstream::new(&config.gate.node_url)?);
    let (watch, node) = NodeWatch::new(Arc::clone(&upstream));
    let reader = parts::reader(&config)?;
    let access = parts::access(&config, Arc::clone(&reader))?;
    let sessions = parts::sessions(&config, &store)?;
    let (governor, governance) = parts::governance(&config, Arc::clone(&reader));
    let sign_in = SignIn::new(
        &parts::sign_in(&config),
        store.clone(),
        Arc::clone(&access) as _,
        reader,
        Arc::clone(&clock),
    )?
    .governed(governance.clone());
    let admission = Admission::new(
        Arc::clone(&access),
        Arc::clone(&sessions),
        store.clone(),
        Policy::from(&config.policy),
        Arc::clone(&clock),
        parts::sign_in_page(&config),
    )
    .governed(governance.clone());
    let handshakes = Arc::new(Handshakes::new(
        Arc::new(admission),
        Arc::clone(&upstream),
        store.clone(),
        Lifetime { without_binding: config.binding.ttl, governance: governance.clone(), clock },
        config.tunnel.service()?,
        node.clone(),
    ));
    let rate = Arc::new(PerAddress::new(&config.limits));
    let api = Api::new(sign_in, Arc::clone(&access));
    let edge = Arc::new(Edge::new(upstream, handshakes, api, Arc::clone(&rate), config.limits.body_bytes));

    let listener = Listener::bind(
        config.gate.listen_addr,
        tls::server_config(home, &config.gate)?,
        config.gate.max_connections,
        config.limits.header_bytes,
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
        sign_in = parts::sign_in_page(&config),
        "the gate is open"
    );

    let health = Health::new(node.clone(), Arc::clone(&sessions), Arc::clone(&access), governance);
    let health = Arc::new(health);
    let admin = Admin { health, metrics, store: store.clone() };
    tasks.spawn(admin::serve(private, admin, stop.clone()));
    tasks.spawn(watch.run(stop.clone()));
    if let Some(governor) = governor {
        let access = Arc::clone(&access);
        tasks.spawn(parts::follow_governance(governor, node.clone(), access, stop.clone()));
    }
    tasks.spawn(parts::follow_cards(access, stop.clone()));
    tasks.spawn(parts::follow_sessions(sessions, node, store.clone(), stop.clone()));
    tasks.spawn(parts::sweep(rate, SWEEP, stop.clone()));
    let serving = tasks.spawn(listener.serve(stop.clone(), config.gate.shutdown_timeout));

    asked_to_stop().await?;
    tracing::info!("stopping: requests under way are finished");
    stop.cancel();
    tasks.close();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the listener broke down");
    }
    tasks.wait().await;
    store.close().await;
    Ok(())
}

async fn asked_to_stop() -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
