//! One round: observe both chains, decide, submit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sentinel_proto::address::NodeAddress;

use crate::failpoint::{Failpoint, hit, hit_after};
use crate::ledger::{Ledger, LedgerError, ReadLedger};
use crate::ops::health::{Component, Health};
use crate::ops::metrics;
use crate::policy::{ApprovalError, ApprovalStatus, ApprovalWatch, Governed, GovernedFile};
use crate::reconcile::{Decision, ReconcileInput, ReconcileState, reconcile};
use crate::standing::{Follower, StandingError, Standings};
use crate::state::{SavedState, StateError};
use crate::submit::{Submit, SubmitError, SubmitOutcome};

/// Interval between checks of the grants while nothing is submitted.
const GRANT_CHECK_INTERVAL: Duration = Duration::from_secs(3600);

/// Errors that end a round.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// Standing cannot be read.
    #[error("standing: {0}")]
    Standing(#[from] StandingError),
    /// The hub cannot be read.
    #[error("hub: {0}")]
    Ledger(#[from] LedgerError),
    /// The governed configuration is not the approved one.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The state cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The hub shows a height before our last transaction: acting on it would repeat that transaction's effects.
    #[error("the hub is at height {height}, our last transaction is in block {last_height}")]
    HubBehind {
        /// Height that the hub shows.
        height: u64,
        /// Newest block that holds a transaction of this run.
        last_height: u64,
    },
    /// Not all actions could be submitted.
    #[error("submit: {0}")]
    Submit(#[from] SubmitError),
}

/// The inputs and the decision of a round.
#[derive(Debug, Clone)]
pub struct RoundSnapshot {
    /// Standing on Ethereum.
    pub standings: Standings,
    /// State of the hub.
    pub ledger: Ledger,
    /// The decision.
    pub decision: Decision,
}

/// Reads both chains and decides; changes nothing.
#[derive(Debug)]
pub struct ChainView<L> {
    /// The governed configuration.
    pub governed: Governed,
    /// Reader of Ethereum.
    pub follower: Follower,
    /// Reader of the hub.
    pub ledger: L,
}

impl<L: ReadLedger> ChainView<L> {
    /// Reads both chains and decides from them and from `state`.
    pub async fn observe(
        &mut self,
        state: &ReconcileState,
        allow_removals: Option<usize>,
    ) -> Result<RoundSnapshot, RoundError> {
        let standings = hit_after(Failpoint::StandingRead, self.follower.refresh()).await?.clone();
        let wanted: BTreeSet<NodeAddress> = standings.nodes.keys().copied().collect();
        let ledger = hit_after(Failpoint::LedgerRead, self.ledger.read(&wanted)).await?;
        let decision = reconcile(ReconcileInput {
            governed: &self.governed,
            standings: &standings,
            ledger: &ledger,
            state,
            allow_removals,
        });
        Ok(RoundSnapshot { standings, ledger, decision })
    }
}

/// Runs rounds.
#[derive(Debug)]
pub struct RoundRunner<L, S> {
    home: PathBuf,
    chain_view: ChainView<L>,
    submit: S,
    state: SavedState,
    approval: ApprovalWatch,
    health: Health,
    /// Newest block that holds a transaction of this run.
    last_height: u64,
    /// Whether each round checks the governed file in the home.
    watches_governed_file: bool,
    /// Time of the next check of the grants.
    next_grant_check: Option<Instant>,
}

impl<L: ReadLedger, S: Submit> RoundRunner<L, S> {
    /// Creates the runner from the state in `home`.
    pub fn new(home: &Path, chain_view: ChainView<L>, submit: S, health: Health) -> Result<Self, StateError> {
        let state = SavedState::load(home)?;
        let approval = ApprovalWatch::new(chain_view.governed.hash(), chain_view.governed.approval.grace);
        Ok(Self {
            home: home.to_owned(),
            chain_view,
            submit,
            state,
            approval,
            health,
            last_height: 0,
            watches_governed_file: false,
            next_grant_check: None,
        })
    }

    /// Makes every round compare the governed file in the home with the running configuration.
    #[must_use]
    pub fn watch_governed_file(self) -> Self {
        Self { watches_governed_file: true, ..self }
    }

    /// Settles the transactions that an earlier run left open.
    pub async fn resume(&mut self) -> Result<(), RoundError> {
        let result = self.submit.resume().await;
        self.last_height = self.last_height.max(self.submit.last_height());
        report_outcome(&result?);
        Ok(())
    }

    /// Runs one round.
    pub async fn run_round(&mut self, allow_removals: Option<usize>) -> Result<RoundSnapshot, RoundError> {
        let started = Instant::now();
        let result = self.try_run_round(allow_removals).await;
        let outcome = match &result {
            Ok(RoundSnapshot { decision, .. }) if decision.halt.is_some() => "halted",
            Ok(_) => "done",
            Err(_) => "failed",
        };
        metrics::record_round(outcome, started.elapsed());
        self.check_grants_if_due().await;
        self.health.clear_problem(Component::Start);
        result
    }

    async fn try_run_round(&mut self, allow_removals: Option<usize>) -> Result<RoundSnapshot, RoundError> {
        let snapshot = self.chain_view.observe(&self.state.state, allow_removals).await.and_then(|view| {
            let (height, last_height) = (view.ledger.height, self.last_height);
            if height < last_height { Err(RoundError::HubBehind { height, last_height }) } else { Ok(view) }
        });
        self.record_read_health(&snapshot);
        let view = snapshot?;
        self.check_approval(&view.standings)?;
        let newest = self.chain_view.follower.newest();
        metrics::set_settled_block(view.standings.block, newest);
        metrics::set_ledger(&view.ledger);
        metrics::set_decision(&view.decision);
        match &view.decision.halt {
            Some(halt) => self.health.report_problem(Component::Operator, halt.to_string()),
            None => self.health.clear_problem(Component::Operator),
        }
        // The state is written before anything is sent: a crash must not lose a removal.
        let round = self.state.round + u64::from(!view.decision.steps.is_empty());
        self.save_state(SavedState { round, state: view.decision.next_state.clone() })?;
        hit(Failpoint::StateSaved);
        self.submit_actions(&view.decision).await?;
        Ok(view)
    }

    fn record_read_health(&self, snapshot: &Result<RoundSnapshot, RoundError>) {
        match snapshot {
            Ok(_) => [Component::Ethereum, Component::Hub]
                .into_iter()
                .for_each(|part| self.health.clear_problem(part)),
            Err(error @ (RoundError::Ledger(_) | RoundError::HubBehind { .. })) => {
                self.health.clear_problem(Component::Ethereum);
                self.health.report_problem(Component::Hub, error.to_string());
            }
            Err(error) => self.health.report_problem(Component::Ethereum, error.to_string()),
        }
    }

    fn check_approval(&mut self, standings: &Standings) -> Result<(), ApprovalError> {
        let file = if self.watches_governed_file {
            GovernedFile::Hash(Governed::load(&self.home).ok().map(|governed| governed.hash()))
        } else {
            GovernedFile::Unwatched
        };
        let verdict = self.approval.check(standings.parameters.config_hash, file, Instant::now());
        metrics::set_approved(verdict == ApprovalStatus::Approved);
        match verdict {
            ApprovalStatus::Approved => self.health.clear_problem(Component::Approval),
            ApprovalStatus::Grace(problem, left) => {
                tracing::error!(stops_in_seconds = left.as_secs(), "{problem}");
                self.health.report_problem(Component::Approval, problem.to_string());
            }
            ApprovalStatus::Stop(problem) => return Err(problem),
        }
        Ok(())
    }

    /// Warns of grants that expire: after each submission, and at an interval.
    async fn check_grants_if_due(&mut self) {
        if self.next_grant_check.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match self.submit.check_grants().await {
            Ok(()) => self.next_grant_check = Some(Instant::now() + GRANT_CHECK_INTERVAL),
            Err(error) => tracing::debug!(%error, "cannot check the grants"),
        }
    }

    fn save_state(&mut self, state: SavedState) -> Result<(), StateError> {
        if state != self.state {
            state.save(&self.home)?;
            self.state = state;
        }
        Ok(())
    }

    async fn submit_actions(&mut self, decision: &Decision) -> Result<(), RoundError> {
        if decision.steps.is_empty() {
            return Ok(());
        }
        for step in &decision.steps {
            tracing::info!(round = self.state.round, action = %step.action, reason = %step.reason, "decided");
        }
        let actions: Vec<_> = decision.steps.iter().map(|step| step.action.clone()).collect();
        let result = self.submit.submit(self.state.round, &actions).await;
        self.next_grant_check = None;
        // Also after a failure: an older ledger does not show transactions that are in a block.
        self.last_height = self.last_height.max(self.submit.last_height());
        match &result {
            Ok(_) => self.health.clear_problem(Component::Submit),
            Err(error) => self.health.report_problem(Component::Submit, error.to_string()),
        }
        report_outcome(&result?);
        Ok(())
    }
}

fn report_outcome(outcome: &SubmitOutcome) {
    metrics::count_outcome(&outcome.done, &outcome.refused, outcome.gas);
    for (action, words) in &outcome.refused {
        tracing::warn!(%action, words, "the hub refused");
    }
    if !outcome.done.is_empty() || !outcome.transactions.is_empty() {
        let (done, refused) = (outcome.done.len(), outcome.refused.len());
        tracing::info!(
            done,
            refused,
            gas = outcome.gas,
            transactions = outcome.transactions.len(),
            "submitted"
        );
    }
}
