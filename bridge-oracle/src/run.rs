//! Wiring: everything the oracle is made of, on one screen.

use std::path::Path;
use std::sync::Arc;

use service_runtime::{admin, logs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

mod error;
pub mod parts;

pub use self::error::StartError;
use crate::config::Config;
use crate::ledger::HubLedger;
use crate::ops::admin::Admin;
use crate::ops::health::Health;
use crate::ops::metrics;
use crate::policy::Governed;
use crate::round::{RoundError, Rounds};
use crate::submit::journal::Journal;
use crate::submit::{Authz, Settings, Submit};

/// How to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// One round, and the end.
    pub once: bool,
    /// The operator's word that so many removals within the window are right; for the first round only.
    pub allow_removals: Option<usize>,
}

/// Runs the oracle in `home` until it is told to stop, or may not go on.
pub async fn start(home: &Path, config: Config, governed: Governed, mode: Mode) -> Result<(), StartError> {
    logs::start(config.log.format, &config.log.level)?;
    let metrics = metrics::install()?;
    let health = Health::default();
    let stop = CancellationToken::new();
    let key = parts::key(home, &config, &governed)?;
    let journal = Journal::open(home)?;
    let hub = parts::hub(&config, &governed)?;
    let eyes = parts::eyes(&config, &governed, hub.clone())?;
    let settings = Settings::of(&config, &governed)?;
    let submit = Authz::new(hub, key, settings, journal);
    let mut rounds = Rounds::new(home, eyes, submit, health.clone())?.watching_file();

    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        private = %config.oracle.admin_addr,
        configuration = %governed.hash(),
        provider = %governed.hub.provider,
        plans = ?governed.hub.plans,
        "the bridge oracle runs"
    );
    if mode.once {
        rounds.resume().await?;
        let view = rounds.round(mode.allow_removals).await?;
        return view.decision.halt.map_or(Ok(()), |halt| Err(StartError::Halted(halt)));
    }
    let private = TcpListener::bind(config.oracle.admin_addr)
        .await
        .map_err(StartError::bind(config.oracle.admin_addr))?;
    let routes = admin::routes(Arc::new(Admin { health, metrics }));
    let serving = tokio::spawn(admin::serve(private, routes, stop.clone()));
    let ended = tokio::select! {
        ended = rounds_for_ever(&mut rounds, &config, mode) => ended,
        asked = asked_to_stop() => asked,
    };
    stop.cancel();
    // The private address has nothing to lose.
    let _ = serving.await;
    ended
}

async fn rounds_for_ever<S: Submit>(
    rounds: &mut Rounds<HubLedger, S>,
    config: &Config,
    mode: Mode,
) -> Result<(), StartError> {
    let mut allow_removals = mode.allow_removals;
    let mut resumed = false;
    loop {
        if !resumed {
            match rounds.resume().await {
                Ok(()) => resumed = true,
                Err(error) => tracing::warn!(%error, "what an earlier run left open is not settled yet"),
            }
        }
        if resumed {
            match rounds.round(allow_removals.take()).await {
                Ok(_) => {}
                Err(RoundError::NotApproved(problem)) => {
                    tracing::error!("stopping: {problem}");
                    return Err(problem.into());
                }
                Err(error) => tracing::warn!(%error, "the round came to nothing"),
            }
        }
        tokio::time::sleep(config.oracle.interval).await;
    }
}

async fn asked_to_stop() -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: what was sent is found again at the next start");
    Ok(())
}
