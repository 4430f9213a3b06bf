//! One round: look at both chains, decide, act.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sentinel_proto::address::NodeAddress;

use crate::failpoint::{Place, passed, reach};
use crate::ledger::{Ledger, LedgerError, ReadLedger};
use crate::ops::health::{Health, Part};
use crate::ops::metrics;
use crate::policy::{ApprovalWatch, File, Governed, NotApproved, Verdict};
use crate::reconcile::{Decision, Input, Memory, reconcile};
use crate::standing::{Follower, StandingError, Standings};
use crate::state::{State, StateError};
use crate::submit::{Outcome, Submit, SubmitError};

/// Between two looks at the grants while nothing is submitted.
const UPKEEP: Duration = Duration::from_secs(3600);

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// Standing is not known.
    #[error("standing: {0}")]
    Standing(#[from] StandingError),
    /// The hub is not known.
    #[error("hub: {0}")]
    Ledger(#[from] LedgerError),
    /// The governed configuration is not the approved one.
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    /// What is remembered cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The hub shows a time before our last transactions: what they did would be done again.
    #[error("the hub is at height {height}, our last transaction is in block {acted}")]
    Behind {
        /// What it shows.
        height: u64,
        /// What was confirmed.
        acted: u64,
    },
    /// Not everything could be submitted.
    #[error("submit: {0}")]
    Submit(#[from] SubmitError),
}

/// What a round saw and decided.
#[derive(Debug, Clone)]
pub struct View {
    /// Ethereum.
    pub standings: Standings,
    /// The hub.
    pub ledger: Ledger,
    /// What follows.
    pub decision: Decision,
}

/// Looks at both chains and decides; changes nothing.
#[derive(Debug)]
pub struct Eyes<L> {
    /// The policy.
    pub governed: Governed,
    /// Ethereum.
    pub follower: Follower,
    /// The hub.
    pub ledger: L,
}

impl<L: ReadLedger> Eyes<L> {
    /// What there is, and what follows from it and from `memory`.
    pub async fn look(&mut self, memory: &Memory, allow_removals: Option<usize>) -> Result<View, RoundError> {
        let standings = passed(Place::Standing, self.follower.refresh()).await?.clone();
        let wanted: BTreeSet<NodeAddress> = standings.nodes.keys().copied().collect();
        let ledger = passed(Place::Ledger, self.ledger.read(&wanted)).await?;
        let decision = reconcile(Input {
            governed: &self.governed,
            standings: &standings,
            ledger: &ledger,
            memory,
            allow_removals,
        });
        Ok(View { standings, ledger, decision })
    }
}

/// Makes rounds.
#[derive(Debug)]
pub struct Rounds<L, S> {
    home: PathBuf,
    eyes: Eyes<L>,
    submit: S,
    state: State,
    approval: ApprovalWatch,
    health: Health,
    /// Newest block that holds a transaction of this run.
    acted: u64,
    /// Whether the governed file in the home is looked at in each round.
    watches_file: bool,
    /// When the grants are to be looked at again.
    upkeep: Option<Instant>,
}

impl<L: ReadLedger, S: Submit> Rounds<L, S> {
    /// Goes on from what `home` remembers.
    pub fn new(home: &Path, eyes: Eyes<L>, submit: S, health: Health) -> Result<Self, StateError> {
        let state = State::load(home)?;
        let approval = ApprovalWatch::new(eyes.governed.hash(), eyes.governed.approval.grace);
        Ok(Self {
            home: home.to_owned(),
            eyes,
            submit,
            state,
            approval,
            health,
            acted: 0,
            watches_file: false,
            upkeep: None,
        })
    }

    /// The same, which ends when another governed file is put into its home.
    #[must_use]
    pub fn watching_file(self) -> Self {
        Self { watches_file: true, ..self }
    }

    /// Brings to an end what an earlier run left open.
    pub async fn resume(&mut self) -> Result<(), RoundError> {
        let result = self.submit.resume().await;
        self.acted = self.acted.max(self.submit.acted());
        report(&result?);
        Ok(())
    }

    /// One whole round.
    pub async fn round(&mut self, allow_removals: Option<usize>) -> Result<View, RoundError> {
        let started = Instant::now();
        let result = self.try_round(allow_removals).await;
        let outcome = match &result {
            Ok(View { decision, .. }) if decision.halt.is_some() => "halted",
            Ok(_) => "done",
            Err(_) => "failed",
        };
        metrics::round(outcome, started.elapsed());
        self.look_after_grants().await;
        self.health.well(Part::Start);
        result
    }

    async fn try_round(&mut self, allow_removals: Option<usize>) -> Result<View, RoundError> {
        let looked = self.eyes.look(&self.state.memory, allow_removals).await.and_then(|view| {
            let (height, acted) = (view.ledger.height, self.acted);
            if height < acted { Err(RoundError::Behind { height, acted }) } else { Ok(view) }
        });
        self.tell_looked(&looked);
        let view = looked?;
        self.check_approval(&view.standings)?;
        let newest = self.eyes.follower.newest();
        metrics::settled(view.standings.block, newest);
        metrics::ledger(&view.ledger);
        metrics::decision(&view.decision);
        match &view.decision.halt {
            Some(halt) => self.health.trouble(Part::Operator, halt.to_string()),
            None => self.health.well(Part::Operator),
        }
        // Written before anything is sent: after a crash no removal is forgotten.
        let round = self.state.round + u64::from(!view.decision.steps.is_empty());
        self.remember(State { round, memory: view.decision.memory.clone() })?;
        reach(Place::Remembered);
        self.act(&view.decision).await?;
        Ok(view)
    }

    fn tell_looked(&self, looked: &Result<View, RoundError>) {
        match looked {
            Ok(_) => [Part::Ethereum, Part::Hub].into_iter().for_each(|part| self.health.well(part)),
            Err(error @ (RoundError::Ledger(_) | RoundError::Behind { .. })) => {
                self.health.well(Part::Ethereum);
                self.health.trouble(Part::Hub, error.to_string());
            }
            Err(error) => self.health.trouble(Part::Ethereum, error.to_string()),
        }
    }

    fn check_approval(&mut self, standings: &Standings) -> Result<(), NotApproved> {
        let file = if self.watches_file {
            File::Now(Governed::load(&self.home).ok().map(|governed| governed.hash()))
        } else {
            File::Unwatched
        };
        let verdict = self.approval.check(standings.parameters.config_hash, file, Instant::now());
        metrics::approved(verdict == Verdict::Approved);
        match verdict {
            Verdict::Approved => self.health.well(Part::Approval),
            Verdict::Grace(problem, left) => {
                tracing::error!(stops_in_seconds = left.as_secs(), "{problem}");
                self.health.trouble(Part::Approval, problem.to_string());
            }
            Verdict::Stop(problem) => return Err(problem),
        }
        Ok(())
    }

    /// Tells of grants that run out: after each submission, and now and then.
    async fn look_after_grants(&mut self) {
        if self.upkeep.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match self.submit.upkeep().await {
            Ok(()) => self.upkeep = Some(Instant::now() + UPKEEP),
            Err(error) => tracing::debug!(%error, "the grants cannot be looked at"),
        }
    }

    fn remember(&mut self, state: State) -> Result<(), StateError> {
        if state != self.state {
            state.save(&self.home)?;
            self.state = state;
        }
        Ok(())
    }

    async fn act(&mut self, decision: &Decision) -> Result<(), RoundError> {
        if decision.steps.is_empty() {
            return Ok(());
        }
        for step in &decision.steps {
            tracing::info!(round = self.state.round, action = %step.action, reason = %step.reason, "decided");
        }
        let actions: Vec<_> = decision.steps.iter().map(|step| step.action.clone()).collect();
        let result = self.submit.submit(self.state.round, &actions).await;
        self.upkeep = None;
        // Also when it failed: what is in a block is not in an older ledger.
        self.acted = self.acted.max(self.submit.acted());
        match &result {
            Ok(_) => self.health.well(Part::Submit),
            Err(error) => self.health.trouble(Part::Submit, error.to_string()),
        }
        report(&result?);
        Ok(())
    }
}

fn report(outcome: &Outcome) {
    metrics::outcome(outcome);
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
