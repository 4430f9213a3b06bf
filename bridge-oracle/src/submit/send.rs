//! One transaction's life: signed, written, sent, in a block, settled.
//!
//! Every open transaction of the journal has the same sequence, the account's next one. So one of them at most can
//! ever have an effect, whatever was sent to whom and whoever died; which one, its hash tells.

use std::sync::atomic::Ordering;
use std::time::Instant;

use sentinel_proto::hub::{AccountState, Seen};
use sentinel_proto::tx::SignedTransaction;

use super::authz::Authz;
use super::failure::Failure;
use super::journal::{End, Entry, Open};
use super::{Outcome, SubmitError};
use crate::failpoint::{Place, passed, reach};
use crate::reconcile::Action;

/// Blocks that a start waits for what an earlier run has left open.
const RESUME_BLOCKS: u64 = 3;
/// Blocks after which the index of transactions has surely caught up with the state.
const INDEX_BLOCKS: u64 = 2;
/// Looks between two sendings of the same bytes: a hub that restarts forgets what waited.
const RESEND: u32 = 10;

/// What became of a transaction.
pub(super) enum Sent {
    /// In a block, with its effect.
    Done,
    /// Refused, at once or in a block.
    Failed(Failure),
    /// In no block, and never will be.
    Never(String),
}

impl Authz {
    /// The account's state, and the height at which it was so.
    pub(super) async fn account(&self) -> Result<(AccountState, u64), SubmitError> {
        let account = self.key.account();
        let Seen { value, height } = passed(Place::Account, self.hub.account(&account)).await?;
        let account = value.ok_or_else(|| {
            let words = "the oracle's account is not on the hub yet: the fee grant creates it";
            SubmitError::NotPermitted(words.to_owned())
        })?;
        let height = match height {
            Some(height) => height,
            None => passed(Place::Account, self.hub.latest_height()).await?,
        };
        Ok((account, height))
    }

    /// Signs, writes, sends, and waits for the end.
    pub(super) async fn send(
        &self,
        round: u64,
        actions: &[Action],
        gas: u64,
        account: AccountState,
        height: u64,
        outcome: &mut Outcome,
    ) -> Result<Sent, SubmitError> {
        // An earlier sequence that is still open could have its effect before or after this one's.
        let open = self.journal.open_transactions()?;
        reach(Place::Listed);
        if open.iter().any(|open| open.sequence != account.sequence) {
            self.settle_all(outcome).await?;
            return Ok(Sent::Failed(Failure::Sequence("the account moved on".to_owned())));
        }
        let timeout_height = height.saturating_add(self.settings.timeout_blocks);
        let unsigned = self.transaction(actions, gas, timeout_height);
        let transaction = unsigned.sign(&self.key, &self.settings.chain_id, account);
        reach(Place::Signed);
        let fee = format!("{}{}", unsigned.fee.amount, unsigned.fee.denom);
        let sequence = account.sequence;
        let entry = Entry { round, sequence, timeout_height, fee, actions, transaction: &transaction };
        self.journal.begin(&entry)?;
        reach(Place::Written);
        let answer = passed(Place::Sent, self.hub.broadcast(&transaction)).await;
        match answer {
            Ok(Ok(())) => reach(Place::Accepted),
            // It stays open: another endpoint may have taken it before this one refused.
            Ok(Err(refused)) => {
                tokio::time::sleep(self.settings.poll).await;
                return Ok(Sent::Failed(Failure::of_refusal(&refused)));
            }
            // Whether it arrived, its hash will tell.
            Err(error) => tracing::warn!(%error, hash = %transaction.hash(), "no answer to a transaction"),
        }
        let mut mine = Sent::Never("its fate is not known yet".to_owned());
        let mut overtaken = false;
        for (open, end) in self.settle(Some(&transaction), Patience::Time).await? {
            outcome.add(&open, &end);
            if open.transaction.hash() == transaction.hash() {
                mine = match end {
                    End::Executed(executed) => match executed.outcome {
                        Ok(()) => Sent::Done,
                        Err(refused) => Sent::Failed(Failure::of_refusal(&refused)),
                    },
                    End::Void(why) => Sent::Never(why),
                };
            } else {
                overtaken |= end.had_effect();
            }
        }
        if overtaken { Err(SubmitError::Overtaken) } else { Ok(mine) }
    }

    /// Waits because the account's next sequence is taken, by a transaction of ours or of somebody else with this key
    /// that is in no block yet; not beyond `until`.
    pub(super) async fn wait_for_turn(
        &self,
        until: Instant,
        outcome: &mut Outcome,
    ) -> Result<(), SubmitError> {
        if Instant::now() > until {
            return Err(SubmitError::Late);
        }
        let open = self.journal.open_transactions()?;
        reach(Place::Listed);
        if open.is_empty() {
            tokio::time::sleep(self.settings.poll).await;
            return Ok(());
        }
        self.settle_all(outcome).await
    }

    /// Waits until nothing is open. What turns out to have had its effect was not in the ledger that is acted on, so
    /// nothing more may be sent that was decided from it: not all actions are refused when they come twice.
    async fn settle_all(&self, outcome: &mut Outcome) -> Result<(), SubmitError> {
        let mut overtaken = false;
        for (open, end) in self.settle(None, Patience::Time).await? {
            outcome.add(&open, &end);
            overtaken |= end.had_effect();
        }
        if overtaken { Err(SubmitError::Overtaken) } else { Ok(()) }
    }

    /// Settles what an earlier run left open, as far as a few blocks show it. Nothing is sent again: what was decided
    /// then may be wrong now. What stays open shares its sequence with the next one sent, or lapses.
    pub(super) async fn settle_shortly(&self) -> Result<Vec<(Open, End)>, SubmitError> {
        self.settle(None, Patience::Blocks).await
    }

    /// Waits until nothing is open, as long as patience lasts; what was settled meanwhile.
    async fn settle(
        &self,
        resend: Option<&SignedTransaction>,
        patience: Patience,
    ) -> Result<Vec<(Open, End)>, SubmitError> {
        let (begin, mut first, mut looks) = (Instant::now(), None, 0_u32);
        let mut settled = Vec::new();
        loop {
            let open = self.journal.open_transactions()?;
            reach(Place::Open);
            if open.is_empty() {
                return Ok(settled);
            }
            let problem = match self.look(open, &mut first, &mut settled).await {
                Ok(()) => None,
                Err(SubmitError::Hub(error)) => Some(error),
                Err(error) => return Err(error),
            };
            let closed = self.journal.open_transactions()?.is_empty();
            reach(Place::Closed);
            if closed {
                return Ok(settled);
            }
            let over = begin.elapsed() > self.settings.patience;
            match (patience, problem) {
                (_, Some(error)) if over => return Err(error.into()),
                (Patience::Time, None) if over => return Err(SubmitError::Unconfirmed),
                (Patience::Blocks, None) if first.is_some_and(|seen: First| seen.is_over()) || over => {
                    return Ok(settled);
                }
                _ => {}
            }
            looks += 1;
            if let Some(transaction) = resend.filter(|_| looks.is_multiple_of(RESEND)) {
                // Whatever it says: the hash decides.
                let _ = passed(Place::Resent, self.hub.broadcast(transaction)).await;
            }
            tokio::time::sleep(self.settings.poll).await;
        }
    }

    /// One look at everything that is open.
    async fn look(
        &self,
        open: Vec<Open>,
        first: &mut Option<First>,
        settled: &mut Vec<(Open, End)>,
    ) -> Result<(), SubmitError> {
        let mut ends = Vec::new();
        let mut rest = Vec::new();
        for open in open {
            match passed(Place::Asked, self.hub.transaction(open.transaction.hash())).await? {
                Seen { value: Some(executed), .. } => {
                    reach(Place::Found);
                    ends.push((open, End::Executed(executed)));
                }
                Seen { value: None, height } => rest.push((open, height.unwrap_or_default())),
            }
        }
        if !rest.is_empty() {
            let (account, height) = passed(Place::Polled, self.account()).await?;
            let first = first.get_or_insert(First { height, used: None, now: height });
            first.see(height, account.sequence);
            for (open, looked_at) in rest {
                if let Some(why) = first.verdict(&open, account, height, looked_at) {
                    ends.push((open, End::Void(why)));
                }
            }
        }
        let written: Vec<_> =
            ends.iter().map(|(open, end)| (*open.transaction.hash(), end.clone())).collect();
        if !written.is_empty() {
            self.journal.settle(&written)?;
            reach(Place::Settled);
            for (_, end) in &written {
                if let End::Executed(executed) = end {
                    self.acted.fetch_max(executed.height, Ordering::Relaxed);
                }
            }
        }
        settled.extend(ends);
        Ok(())
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// As configured.
    Time,
    /// A few blocks.
    Blocks,
}

/// What was seen of the account while waiting.
#[derive(Debug, Clone, Copy)]
struct First {
    /// The first height.
    height: u64,
    /// The height at which a sequence was first seen as used, and the sequence after it.
    used: Option<(u64, u64)>,
    /// The newest height.
    now: u64,
}

impl First {
    fn see(&mut self, height: u64, sequence: u64) {
        // A chain that was set back is waited for anew.
        self.height = self.height.min(height);
        self.now = height;
        if self.used.is_none_or(|(_, seen)| seen != sequence) {
            self.used = Some((height, sequence));
        }
    }

    const fn is_over(&self) -> bool {
        self.now >= self.height.saturating_add(RESUME_BLOCKS)
    }

    /// Why a transaction that is in no block can never be in one, if that is sure.
    fn verdict(&self, open: &Open, account: AccountState, height: u64, looked_at: u64) -> Option<String> {
        if account.sequence > open.sequence {
            let (since, _) = self.used?;
            let indexed = looked_at >= since.saturating_add(INDEX_BLOCKS);
            return indexed.then(|| "another transaction used its sequence".to_owned());
        }
        let lapsed = height > open.timeout_height;
        lapsed.then(|| format!("in no block up to {}", open.timeout_height))
    }
}
