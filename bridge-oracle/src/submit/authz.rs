//! Submission by the provider's authorizations: `MsgExec` signed by the oracle's key, paid by the provider's fee
//! allowance.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{HubClient, Simulation};
use sentinel_proto::tx::{AccountState, SigningKey, Transaction, TypedMessage as _, pack_any};
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, MsgExec};

use super::batch::{ActionGroup, group_actions, pack_batches};
use super::failure::{Failure, shorten_error};
use super::journal::Journal;
use super::send::SendResult;
use super::{SendSettings, Submit, SubmitError, SubmitOutcome};
use crate::failpoint::{Failpoint, hit_after};
use crate::gas::max_credible_gas;
use crate::grants::check_grant_expiry;
use crate::messages::message;
use crate::reconcile::Action;

/// Attempts at one batch before it is split.
const MAX_SEND_ATTEMPTS: u32 = 4;

/// Sends actions in the provider's name.
#[derive(Debug)]
pub struct AuthzSender {
    pub(super) hub: HubClient,
    pub(super) key: SigningKey,
    pub(super) settings: SendSettings,
    pub(super) journal: Journal,
    /// Newest block that holds a transaction of this run.
    pub(super) last_height: AtomicU64,
}

impl Submit for AuthzSender {
    async fn resume(&self) -> Result<SubmitOutcome, SubmitError> {
        let mut outcome = SubmitOutcome::default();
        for (open, end) in self.settle_on_startup().await? {
            outcome.add(&open, &end);
        }
        self.confirm(&mut outcome).await?;
        Ok(outcome)
    }

    async fn submit(&self, round: u64, actions: &[Action]) -> Result<SubmitOutcome, SubmitError> {
        let mut outcome = SubmitOutcome::default();
        if actions.is_empty() {
            return Ok(outcome);
        }
        let granted = self.filter_granted(actions, &mut outcome).await?;
        let mut queue: VecDeque<_> = pack_batches(group_actions(&granted), self.settings.max_messages).into();
        // A decision is valid for a limited time only.
        let batch_count = u32::try_from(queue.len() + 1).unwrap_or(u32::MAX);
        let deadline = Instant::now() + self.settings.confirm_timeout.saturating_mul(batch_count);
        while let Some(batch) = queue.pop_front() {
            if Instant::now() > deadline {
                return Err(SubmitError::Late);
            }
            self.send_batch(round, batch, deadline, &mut queue, &mut outcome).await?;
        }
        self.confirm(&mut outcome).await?;
        Ok(outcome)
    }

    fn last_height(&self) -> u64 {
        self.last_height.load(Ordering::Relaxed)
    }

    async fn check_grants(&self) -> Result<(), SubmitError> {
        let price = &self.settings.gas_price;
        Ok(check_grant_expiry(&self.hub, self.granter(), self.key.account(), price).await?)
    }
}

impl AuthzSender {
    /// Creates the sender; makes no network call.
    pub const fn new(hub: HubClient, key: SigningKey, settings: SendSettings, journal: Journal) -> Self {
        Self { hub, key, settings, journal, last_height: AtomicU64::new(0) }
    }

    /// Returns the journal.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns the provider's account, which is the granter.
    pub(super) const fn granter(&self) -> AccountAddress {
        self.settings.provider.in_role()
    }

    /// Returns the actions that the grants allow now. The others are refused at once, so that one missing grant does
    /// not block the rest. Fails if none is allowed.
    async fn filter_granted(
        &self,
        actions: &[Action],
        outcome: &mut SubmitOutcome,
    ) -> Result<Vec<Action>, SubmitError> {
        let now = SystemTime::now();
        let (granter, grantee) = (self.granter(), self.key.account());
        let grants = hit_after(Failpoint::GrantsRead, self.hub.authorizations(&granter, &grantee)).await?;
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

    /// Sends one batch; parts that cannot be sent together go back into the queue.
    async fn send_batch(
        &self,
        round: u64,
        batch: Vec<ActionGroup>,
        deadline: Instant,
        queue: &mut VecDeque<Vec<ActionGroup>>,
        outcome: &mut SubmitOutcome,
    ) -> Result<(), SubmitError> {
        let actions = flatten_actions(&batch);
        // A value below one could not grow by multiplication.
        let (mut adjustment, mut last) = (self.settings.gas_adjustment.max(1.0), String::new());
        let mut attempts = 0;
        while attempts < MAX_SEND_ATTEMPTS {
            let (account, height) = self.account().await?;
            let failure = match self.simulate(&actions, account).await? {
                Ok(gas) => {
                    let gas = adjust_gas(gas, adjustment);
                    match self.send(round, &actions, gas, account, height, outcome).await? {
                        SendResult::Done => return Ok(()),
                        SendResult::Failed(failure) => failure,
                        SendResult::Void(words) => Failure::Message(words),
                    }
                }
                Err(Failure::Message(words) | Failure::OutOfGas(words)) => {
                    return self.isolate_failing(batch, account, &words, deadline, queue, outcome).await;
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Fees(words) => return Err(SubmitError::NotPermitted(shorten_error(&words))),
                // No action causes this failure, so it does not count as an attempt.
                Failure::Sequence(_) => {
                    self.wait_for_sequence(deadline, outcome).await?;
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
        // A batch that passes simulation and fails in the block is split until single actions remain.
        split_or_refuse(batch, &last, queue, outcome);
        Ok(())
    }

    /// Finds the failing groups by simulation and puts the others back as one batch.
    async fn isolate_failing(
        &self,
        batch: Vec<ActionGroup>,
        mut account: AccountState,
        words: &str,
        deadline: Instant,
        queue: &mut VecDeque<Vec<ActionGroup>>,
        outcome: &mut SubmitOutcome,
    ) -> Result<(), SubmitError> {
        if batch.len() < 2 {
            split_or_refuse(batch, words, queue, outcome);
            return Ok(());
        }
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.simulate(&flatten_actions(&part), account).await? {
                Ok(_) => good.extend(part),
                Err(Failure::Fees(words)) => return Err(SubmitError::NotPermitted(shorten_error(&words))),
                Err(Failure::Sequence(_)) => {
                    self.wait_for_sequence(deadline, outcome).await?;
                    (account, _) = self.account().await?;
                    parts.push(part);
                }
                Err(_) if part.len() > 1 => {
                    let (first, second) = split_in_half(part);
                    parts.extend([second, first]);
                }
                Err(Failure::Message(words) | Failure::OutOfGas(words)) => bad.push((part, words)),
            }
        }
        // Good groups go to the front of the queue, so that failing ones do not delay them.
        let all_good = bad.is_empty();
        for (part, words) in bad.into_iter().rev() {
            split_or_refuse(part, &words, queue, outcome);
        }
        if all_good {
            // Each group passes alone but not together: they share a resource, such as the provider's coins.
            let (first, second) = split_in_half(good);
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
        Ok(
            match hit_after(Failpoint::Simulated, self.hub.simulate(&transaction, max_credible_gas(actions)))
                .await?
            {
                Simulation::Gas(gas) => Ok(gas),
                Simulation::Fails(words) => Err(Failure::from_text(&words)),
            },
        )
    }

    pub(super) fn transaction(&self, actions: &[Action], gas_limit: u64, timeout_height: u64) -> Transaction {
        let grantee = self.key.account().to_string();
        let execs = actions.chunks(self.settings.exec_messages.max(1)).map(|chunk| {
            let msgs = chunk.iter().map(|action| self.message(action)).collect();
            pack_any(&MsgExec { grantee: grantee.clone(), msgs })
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

/// Splits a failed batch into halves or single actions, or refuses a single action.
fn split_or_refuse(
    mut batch: Vec<ActionGroup>,
    words: &str,
    queue: &mut VecDeque<Vec<ActionGroup>>,
    outcome: &mut SubmitOutcome,
) {
    if batch.len() > 1 {
        let (first, second) = split_in_half(batch);
        queue.push_front(second);
        queue.push_front(first);
        return;
    }
    let Some(unit) = batch.pop() else { return };
    if unit.is_single || unit.actions.len() == 1 {
        let words = shorten_error(words);
        outcome.refused.extend(unit.actions.into_iter().map(|action| (action, words.clone())));
        return;
    }
    for unit in unit.split().into_iter().rev() {
        queue.push_front(vec![unit]);
    }
}

fn flatten_actions(batch: &[ActionGroup]) -> Vec<Action> {
    batch.iter().flat_map(|unit| unit.actions.iter().cloned()).collect()
}

fn split_in_half(mut units: Vec<ActionGroup>) -> (Vec<ActionGroup>, Vec<ActionGroup>) {
    let second = units.split_off(units.len().div_ceil(2));
    (units, second)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "gas is far below 2^52"
)]
fn adjust_gas(gas: u64, adjustment: f64) -> u64 {
    (gas as f64 * adjustment).ceil() as u64
}
