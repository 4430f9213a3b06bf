//! Wiring of the program.

use std::path::Path;
use std::sync::Arc;

use service_runtime::{admin, logs, shutdown};
use tokio_util::sync::CancellationToken;

pub mod clients;
mod error;

pub use self::error::StartError;
use crate::config::Config;
use crate::ledger::HubLedger;
use crate::ops::admin::AdminState;
use crate::ops::health::Health;
use crate::ops::metrics;
use crate::policy::Governed;
use crate::round::{RoundError, RoundRunner};
use crate::submit::journal::Journal;
use crate::submit::{AuthzSender, SendSettings, Submit};

/// Options of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Run one round and exit.
    pub once: bool,
    /// Number of removals within the window to which the operator consents, for the first round only.
    pub allow_removals: Option<usize>,
}

/// Runs the oracle in `home` until a signal stops it or a round must not continue.
pub async fn start(
    home: &Path,
    config: Config,
    governed: Governed,
    mode: RunOptions,
) -> Result<(), StartError> {
    logs::start(config.log.format, &config.log.level)?;
    let metrics = metrics::install()?;
    let health = Health::default();
    let stop = CancellationToken::new();
    let key = clients::load_member_key(home, &config, &governed)?;
    let journal = Journal::open(home)?;
    let hub = clients::build_hub_client(&config, &governed)?;
    let chain_view = clients::build_chain_view(&config, &governed, hub.clone())?;
    let settings = SendSettings::from_config(&config, &governed)?;
    let submit = AuthzSender::new(hub, key, settings, journal);
    let mut rounds = RoundRunner::new(home, chain_view, submit, health.clone())?.watch_governed_file();

    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        private = %config.oracle.admin_addr,
        configuration = %governed.hash(),
        provider = %governed.hub.provider,
        plans = ?governed.hub.plans,
        "bridge oracle started"
    );
    if mode.once {
        rounds.resume().await?;
        let view = rounds.run_round(mode.allow_removals).await?;
        return view.decision.halt.map_or(Ok(()), |halt| Err(StartError::Halted(halt)));
    }
    let private = admin::bind(config.oracle.admin_addr).await?;
    let routes = admin::routes(Arc::new(AdminState { health, metrics }));
    let serving = tokio::spawn(admin::serve(private, routes, stop.clone()));
    let ended = tokio::select! {
        ended = run_rounds(&mut rounds, &config, mode) => ended,
        signalled = shutdown::wait_for_signal() => {
            tracing::info!("stopping; the next start settles open transactions");
            signalled.map_err(StartError::Signals)
        }
    };
    stop.cancel();
    // The private address holds no state; its result does not matter.
    let _ = serving.await;
    ended
}

async fn run_rounds<S: Submit>(
    rounds: &mut RoundRunner<HubLedger, S>,
    config: &Config,
    mode: RunOptions,
) -> Result<(), StartError> {
    let mut allow_removals = mode.allow_removals;
    let mut resumed = false;
    loop {
        if !resumed {
            match rounds.resume().await {
                Ok(()) => resumed = true,
                Err(error) => tracing::warn!(%error, "cannot settle the transactions of an earlier run yet"),
            }
        }
        if resumed {
            match rounds.run_round(allow_removals.take()).await {
                Ok(_) => {}
                Err(RoundError::Approval(problem)) => {
                    tracing::error!("stopping: {problem}");
                    return Err(problem.into());
                }
                Err(error) => tracing::warn!(%error, "round failed"),
            }
        }
        tokio::time::sleep(config.oracle.interval).await;
    }
}
