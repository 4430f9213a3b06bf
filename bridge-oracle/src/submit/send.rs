//! Life of one transaction: signed, journaled, broadcast, in a block, settled.
//!
//! Every open transaction of the journal has the same sequence, the account's next one. Therefore at most one of them
//! can ever take effect, whatever was sent to which endpoint and whenever a process died; its hash tells which.

use std::sync::atomic::Ordering;
use std::time::Instant;

use sentinel_proto::hub::AtHeight;
use sentinel_proto::tx::{AccountState, SignedTransaction};

use super::authz::AuthzSender;
use super::failure::Failure;
use super::journal::{JournalEntry, OpenTransaction, TransactionEnd};
use super::{SubmitError, SubmitOutcome};
use crate::failpoint::{Failpoint, hit, hit_after};
use crate::reconcile::Action;

/// Blocks that a start waits for transactions of an earlier run.
const STARTUP_WAIT_BLOCKS: u64 = 3;
/// Blocks after which the transaction index has caught up with the state.
const INDEX_LAG_BLOCKS: u64 = 2;
/// Polls between two broadcasts of the same bytes: a restarted hub has an empty mempool.
const POLLS_PER_REBROADCAST: u32 = 10;

/// Result of sending a transaction.
pub(super) enum SendResult {
    /// In a block, successful.
    Done,
    /// Rejected, by the mempool or in a block.
    Failed(Failure),
    /// In no block, now or later.
    Void(String),
}

impl AuthzSender {
    /// Returns the account's state and the height at which it was read.
    pub(super) async fn account(&self) -> Result<(AccountState, u64), SubmitError> {
        let account = self.key.account();
        let AtHeight { value, height } =
            hit_after(Failpoint::AccountRead, self.hub.account(&account)).await?;
        let account = value.ok_or_else(|| {
            let words = "the oracle's account is not on the hub yet: the fee grant creates it";
            SubmitError::NotPermitted(words.to_owned())
        })?;
        let height = match height {
            Some(height) => height,
            None => hit_after(Failpoint::AccountRead, self.hub.latest_height()).await?,
        };
        Ok((account, height))
    }

    /// Signs, journals and broadcasts a transaction, and waits for its end.
    pub(super) async fn send(
        &self,
        round: u64,
        actions: &[Action],
        gas: u64,
        account: AccountState,
        height: u64,
        outcome: &mut SubmitOutcome,
    ) -> Result<SendResult, SubmitError> {
        // An open transaction with an earlier sequence could take effect before or after this one.
        let open = self.journal.open_transactions()?;
        hit(Failpoint::OpenListed);
        if open.iter().any(|open| open.sequence != account.sequence) {
            self.settle_all(outcome).await?;
            return Ok(SendResult::Failed(Failure::Sequence(
                "the account's sequence has changed".to_owned(),
            )));
        }
        let timeout_height = height.saturating_add(self.settings.timeout_blocks);
        let unsigned = self.transaction(actions, gas, timeout_height);
        let transaction = unsigned.sign(&self.key, &self.settings.chain_id, account);
        hit(Failpoint::Signed);
        let fee = format!("{}{}", unsigned.fee.amount, unsigned.fee.denom);
        let sequence = account.sequence;
        let entry = JournalEntry { round, sequence, timeout_height, fee, actions, transaction: &transaction };
        self.journal.begin(&entry)?;
        hit(Failpoint::Journaled);
        let answer = hit_after(Failpoint::Broadcast, self.hub.broadcast(&transaction)).await;
        match answer {
            Ok(Ok(())) => hit(Failpoint::Accepted),
            // The transaction stays open: another endpoint may have accepted it before this one rejected it.
            Ok(Err(refused)) => {
                tokio::time::sleep(self.settings.poll_interval).await;
                return Ok(SendResult::Failed(Failure::from_refusal(&refused)));
            }
            // The hash tells whether it arrived.
            Err(error) => tracing::warn!(%error, hash = %transaction.hash(), "broadcast not answered"),
        }
        let mut mine = SendResult::Void("the result is not known yet".to_owned());
        let mut overtaken = false;
        for (open, end) in self.settle(Some(&transaction), WaitLimit::Timeout).await? {
            outcome.add(&open, &end);
            if open.transaction.hash() == transaction.hash() {
                mine = match end {
                    TransactionEnd::Executed(executed) => match executed.outcome {
                        Ok(()) => SendResult::Done,
                        Err(refused) => SendResult::Failed(Failure::from_refusal(&refused)),
                    },
                    TransactionEnd::Void(why) => SendResult::Void(why),
                };
            } else {
                overtaken |= end.had_effect();
            }
        }
        if overtaken { Err(SubmitError::Overtaken) } else { Ok(mine) }
    }

    /// Waits because the account's next sequence is used by a transaction in no block yet, of this process or of
    /// another user of the key; at most until `deadline`.
    pub(super) async fn wait_for_sequence(
        &self,
        deadline: Instant,
        outcome: &mut SubmitOutcome,
    ) -> Result<(), SubmitError> {
        if Instant::now() > deadline {
            return Err(SubmitError::Late);
        }
        let open = self.journal.open_transactions()?;
        hit(Failpoint::OpenListed);
        if open.is_empty() {
            tokio::time::sleep(self.settings.poll_interval).await;
            return Ok(());
        }
        self.settle_all(outcome).await
    }

    /// Waits until no transaction is open. One that took effect is not in the ledger of the current decision, so
    /// nothing more of that decision may be sent: the hub does not refuse every action that is repeated.
    async fn settle_all(&self, outcome: &mut SubmitOutcome) -> Result<(), SubmitError> {
        let mut overtaken = false;
        for (open, end) in self.settle(None, WaitLimit::Timeout).await? {
            outcome.add(&open, &end);
            overtaken |= end.had_effect();
        }
        if overtaken { Err(SubmitError::Overtaken) } else { Ok(()) }
    }

    /// Settles transactions of an earlier run as far as a few blocks show them. Nothing is broadcast again: the earlier
    /// decision may be wrong now. A transaction that stays open shares its sequence with the next one, or expires.
    pub(super) async fn settle_on_startup(
        &self,
    ) -> Result<Vec<(OpenTransaction, TransactionEnd)>, SubmitError> {
        self.settle(None, WaitLimit::Blocks).await
    }

    /// Waits until no transaction is open or the limit is reached; returns the transactions settled meanwhile.
    async fn settle(
        &self,
        resend: Option<&SignedTransaction>,
        limit: WaitLimit,
    ) -> Result<Vec<(OpenTransaction, TransactionEnd)>, SubmitError> {
        let (begin, mut first, mut polls) = (Instant::now(), None, 0_u32);
        let mut settled = Vec::new();
        loop {
            let open = self.journal.open_transactions()?;
            hit(Failpoint::OpenRead);
            if open.is_empty() {
                return Ok(settled);
            }
            let problem = match self.poll_open(open, &mut first, &mut settled).await {
                Ok(()) => None,
                Err(SubmitError::Hub(error)) => Some(error),
                Err(error) => return Err(error),
            };
            let closed = self.journal.open_transactions()?.is_empty();
            hit(Failpoint::ClosedChecked);
            if closed {
                return Ok(settled);
            }
            let over = begin.elapsed() > self.settings.confirm_timeout;
            match (limit, problem) {
                (_, Some(error)) if over => return Err(error.into()),
                (WaitLimit::Timeout, None) if over => return Err(SubmitError::Unconfirmed),
                (WaitLimit::Blocks, None)
                    if first.is_some_and(|seen: SequenceObservation| seen.is_over()) || over =>
                {
                    return Ok(settled);
                }
                _ => {}
            }
            polls += 1;
            if let Some(transaction) = resend.filter(|_| polls.is_multiple_of(POLLS_PER_REBROADCAST)) {
                // The answer is irrelevant: the hash decides.
                let _ = hit_after(Failpoint::Rebroadcast, self.hub.broadcast(transaction)).await;
            }
            tokio::time::sleep(self.settings.poll_interval).await;
        }
    }

    /// Polls every open transaction once.
    async fn poll_open(
        &self,
        open: Vec<OpenTransaction>,
        first: &mut Option<SequenceObservation>,
        settled: &mut Vec<(OpenTransaction, TransactionEnd)>,
    ) -> Result<(), SubmitError> {
        let mut ends = Vec::new();
        let mut rest = Vec::new();
        for open in open {
            match hit_after(Failpoint::TransactionQueried, self.hub.transaction(open.transaction.hash()))
                .await?
            {
                AtHeight { value: Some(executed), .. } => {
                    hit(Failpoint::TransactionFound);
                    ends.push((open, TransactionEnd::Executed(executed)));
                }
                AtHeight { value: None, height } => rest.push((open, height.unwrap_or_default())),
            }
        }
        if !rest.is_empty() {
            let (account, height) = hit_after(Failpoint::AccountPolled, self.account()).await?;
            let first = first.get_or_insert(SequenceObservation { height, used: None, now: height });
            first.record(height, account.sequence);
            for (open, looked_at) in rest {
                if let Some(why) = first.void_reason(&open, account, height, looked_at) {
                    ends.push((open, TransactionEnd::Void(why)));
                }
            }
        }
        let written: Vec<_> =
            ends.iter().map(|(open, end)| (*open.transaction.hash(), end.clone())).collect();
        if !written.is_empty() {
            self.journal.settle(&written)?;
            hit(Failpoint::EndsWritten);
            for (_, end) in &written {
                if let TransactionEnd::Executed(executed) = end {
                    self.last_height.fetch_max(executed.height, Ordering::Relaxed);
                }
            }
        }
        settled.extend(ends);
        Ok(())
    }
}

/// Limit of a wait.
#[derive(Debug, Clone, Copy)]
enum WaitLimit {
    /// The configured timeout.
    Timeout,
    /// A few blocks.
    Blocks,
}

/// The account's sequence as observed while waiting.
#[derive(Debug, Clone, Copy)]
struct SequenceObservation {
    /// First observed height.
    height: u64,
    /// Height at which the current sequence was first observed, and that sequence.
    used: Option<(u64, u64)>,
    /// Newest observed height.
    now: u64,
}

impl SequenceObservation {
    fn record(&mut self, height: u64, sequence: u64) {
        // After a rollback of the chain, the wait starts again.
        self.height = self.height.min(height);
        self.now = height;
        if self.used.is_none_or(|(_, seen)| seen != sequence) {
            self.used = Some((height, sequence));
        }
    }

    const fn is_over(&self) -> bool {
        self.now >= self.height.saturating_add(STARTUP_WAIT_BLOCKS)
    }

    /// Returns why a transaction in no block can never be in one, if that is certain.
    fn void_reason(
        &self,
        open: &OpenTransaction,
        account: AccountState,
        height: u64,
        looked_at: u64,
    ) -> Option<String> {
        if account.sequence > open.sequence {
            let (since, _) = self.used?;
            let indexed = looked_at >= since.saturating_add(INDEX_LAG_BLOCKS);
            return indexed.then(|| "another transaction used its sequence".to_owned());
        }
        let lapsed = height > open.timeout_height;
        lapsed.then(|| format!("in no block up to {}", open.timeout_height))
    }
}
