//! Submission by the provider's authorizations: `MsgExec` signed by the oracle's key, paid by the provider's fee
//! allowance.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{AccountState, HubClient, Simulated};
use sentinel_proto::tx::{SigningKey, Transaction, Typed as _, any};
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, MsgExec};

use super::batch::{Unit, transactions, units};
use super::failure::{Failure, short};
use super::gas::most;
use super::journal::Journal;
use super::messages::message;
use super::send::Sent;
use super::{Outcome, Settings, Submit, SubmitError};
use crate::failpoint::{Place, passed};
use crate::reconcile::Action;

/// Attempts at one set of actions before it is given up for this round.
const ATTEMPTS: u32 = 4;
/// Grants that end within this time are warned of.
pub(crate) const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Submits in the provider's name.
#[derive(Debug)]
pub struct Authz {
    pub(super) hub: HubClient,
    pub(super) key: SigningKey,
    pub(super) settings: Settings,
    pub(super) journal: Journal,
    /// Newest block that holds a transaction of this run.
    pub(super) acted: AtomicU64,
}

impl Submit for Authz {
    async fn resume(&self) -> Result<Outcome, SubmitError> {
        let mut outcome = Outcome::default();
        for (open, end) in self.settle_shortly().await? {
            outcome.add(&open, &end);
        }
        self.confirm(&mut outcome).await?;
        Ok(outcome)
    }

    async fn submit(&self, round: u64, actions: &[Action]) -> Result<Outcome, SubmitError> {
        let mut outcome = Outcome::default();
        if actions.is_empty() {
            return Ok(outcome);
        }
        let granted = self.granted(actions, &mut outcome).await?;
        let mut queue: VecDeque<_> = transactions(units(&granted), self.settings.max_messages).into();
        // What was decided is not true for ever.
        let patience = u32::try_from(queue.len() + 1).unwrap_or(u32::MAX);
        let until = Instant::now() + self.settings.patience.saturating_mul(patience);
        while let Some(batch) = queue.pop_front() {
            if Instant::now() > until {
                return Err(SubmitError::Late);
            }
            self.attempt(round, batch, until, &mut queue, &mut outcome).await?;
        }
        self.confirm(&mut outcome).await?;
        Ok(outcome)
    }

    fn acted(&self) -> u64 {
        self.acted.load(Ordering::Relaxed)
    }

    async fn upkeep(&self) -> Result<(), SubmitError> {
        self.look_at_grants().await
    }
}

impl Authz {
    /// Prepares; asks nobody yet.
    pub const fn new(hub: HubClient, key: SigningKey, settings: Settings, journal: Journal) -> Self {
        Self { hub, key, settings, journal, acted: AtomicU64::new(0) }
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The provider's account, which grants.
    pub(super) const fn granter(&self) -> AccountAddress {
        self.settings.provider.in_role()
    }

    /// The actions that the key may do now. The others are refused at once: one missing grant holds back nothing
    /// else. Without any, an operator must act.
    async fn granted(&self, actions: &[Action], outcome: &mut Outcome) -> Result<Vec<Action>, SubmitError> {
        let now = SystemTime::now();
        let (granter, grantee) = (self.granter(), self.key.account());
        let grants = passed(Place::Granted, self.hub.authorizations(&granter, &grantee)).await?;
        let live = grants.into_iter().filter(|grant| {
            grant.kind == GenericAuthorization::TYPE_URL && grant.expires.is_none_or(|end| end > now)
        });
        let types: BTreeSet<String> = live.filter_map(|grant| grant.message).collect();
        let mut granted = Vec::with_capacity(actions.len());
        for action in actions {
            let wanted = self.message(action).type_url;
            if types.contains(&wanted) {
                granted.push(action.clone());
            } else {
                outcome.refused.push((action.clone(), format!("not granted, or no longer: {wanted}")));
            }
        }
        if granted.is_empty() {
            let missing: BTreeSet<_> = actions.iter().map(|action| self.message(action).type_url).collect();
            let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
            return Err(SubmitError::NotPermitted(format!(
                "no grant for {missing}; see `bridge-oracle grants`"
            )));
        }
        Ok(granted)
    }

    /// Sends a set of units; those that cannot go together go back into the queue, smaller.
    async fn attempt(
        &self,
        round: u64,
        batch: Vec<Unit>,
        until: Instant,
        queue: &mut VecDeque<Vec<Unit>>,
        outcome: &mut Outcome,
    ) -> Result<(), SubmitError> {
        let actions = flat(&batch);
        // Below one it could never grow.
        let (mut adjustment, mut last) = (self.settings.gas_adjustment.max(1.0), String::new());
        let mut attempts = 0;
        while attempts < ATTEMPTS {
            let (account, height) = self.account().await?;
            let failure = match self.simulate(&actions, account).await? {
                Ok(gas) => {
                    let gas = adjusted(gas, adjustment);
                    match self.send(round, &actions, gas, account, height, outcome).await? {
                        Sent::Done => return Ok(()),
                        Sent::Failed(failure) => failure,
                        Sent::Never(words) => Failure::Message(words),
                    }
                }
                Err(Failure::Message(words) | Failure::OutOfGas(words)) => {
                    return self.divide(batch, account, &words, until, queue, outcome).await;
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Fees(words) => return Err(SubmitError::NotPermitted(short(&words))),
                // No unit's fault, so it is no attempt.
                Failure::Sequence(_) => {
                    self.wait_for_turn(until, outcome).await?;
                    continue;
                }
                Failure::OutOfGas(words) => {
                    adjustment *= 1.5;
                    last = words;
                }
                Failure::Message(words) => last = words,
            }
            attempts += 1;
        }
        // What the simulation likes and the block does not is halved too, until it is one.
        halve(batch, &last, queue, outcome);
        Ok(())
    }

    /// Finds the units at fault by simulation, and puts the others back as one.
    async fn divide(
        &self,
        batch: Vec<Unit>,
        mut account: AccountState,
        words: &str,
        until: Instant,
        queue: &mut VecDeque<Vec<Unit>>,
        outcome: &mut Outcome,
    ) -> Result<(), SubmitError> {
        if batch.len() < 2 {
            halve(batch, words, queue, outcome);
            return Ok(());
        }
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.simulate(&flat(&part), account).await? {
                Ok(_) => good.extend(part),
                Err(Failure::Fees(words)) => return Err(SubmitError::NotPermitted(short(&words))),
                Err(Failure::Sequence(_)) => {
                    self.wait_for_turn(until, outcome).await?;
                    (account, _) = self.account().await?;
                    parts.push(part);
                }
                Err(_) if part.len() > 1 => {
                    let (first, second) = halves(part);
                    parts.extend([second, first]);
                }
                Err(Failure::Message(words) | Failure::OutOfGas(words)) => bad.push((part, words)),
            }
        }
        // In the end the good ones stand first, so that nobody waits for the bad.
        let all_good = bad.is_empty();
        for (part, words) in bad.into_iter().rev() {
            halve(part, &words, queue, outcome);
        }
        if all_good {
            // Each is good alone, and together they are not: they share something, such as the provider's coins.
            let (first, second) = halves(good);
            queue.push_front(second);
            queue.push_front(first);
        } else if !good.is_empty() {
            queue.push_front(good);
        }
        Ok(())
    }

    async fn simulate(
        &self,
        actions: &[Action],
        account: AccountState,
    ) -> Result<Result<u64, Failure>, SubmitError> {
        let transaction = self.transaction(actions, 1, 0).unsigned(&self.key, account);
        Ok(match passed(Place::Simulated, self.hub.simulate(&transaction, most(actions))).await? {
            Simulated::Gas(gas) => Ok(gas),
            Simulated::Fails(words) => Err(Failure::of_text(&words)),
        })
    }

    pub(super) fn transaction(&self, actions: &[Action], gas_limit: u64, timeout_height: u64) -> Transaction {
        let grantee = self.key.account().to_string();
        let execs = actions.chunks(self.settings.batch.max(1)).map(|chunk| {
            let msgs = chunk.iter().map(|action| self.message(action)).collect();
            any(&MsgExec { grantee: grantee.clone(), msgs })
        });
        Transaction {
            messages: execs.collect(),
            gas_limit,
            fee: self.settings.gas_price.fee(gas_limit),
            granter: Some(self.granter()),
            timeout_height,
        }
    }

    fn message(&self, action: &Action) -> prost_types::Any {
        message(action, &self.settings.provider, &self.settings.denom)
    }
}

/// Makes less of what failed: halves, the actions of one unit, or a refusal.
fn halve(mut batch: Vec<Unit>, words: &str, queue: &mut VecDeque<Vec<Unit>>, outcome: &mut Outcome) {
    if batch.len() > 1 {
        let (first, second) = halves(batch);
        queue.push_front(second);
        queue.push_front(first);
        return;
    }
    let Some(unit) = batch.pop() else { return };
    if unit.alone || unit.actions.len() == 1 {
        let words = short(words);
        outcome.refused.extend(unit.actions.into_iter().map(|action| (action, words.clone())));
        return;
    }
    for unit in unit.split().into_iter().rev() {
        queue.push_front(vec![unit]);
    }
}

fn flat(batch: &[Unit]) -> Vec<Action> {
    batch.iter().flat_map(|unit| unit.actions.iter().cloned()).collect()
}

fn halves(mut units: Vec<Unit>) -> (Vec<Unit>, Vec<Unit>) {
    let second = units.split_off(units.len().div_ceil(2));
    (units, second)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "gas is far below 2^52"
)]
fn adjusted(gas: u64, adjustment: f64) -> u64 {
    (gas as f64 * adjustment).ceil() as u64
}
