//! Submission of actions to the hub. A trait, so that a quorum can replace the single key.

mod authz;
mod batch;
mod effect;
mod failure;
pub mod journal;
mod keyfile;
mod send;
mod settings;
#[cfg(test)]
mod tests;

pub use authz::AuthzSender;
pub use batch::MAX_EXEC_MESSAGES;
pub use keyfile::{KeyFileError, read_key};
pub use settings::SendSettings;

use crate::reconcile::Action;
use journal::{JournalError, OpenTransaction, TransactionEnd};

/// Results of a round's actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmitOutcome {
    /// Actions confirmed by query.
    pub done: Vec<Action>,
    /// Actions that the hub refused, with the reason; each separately, so that one bad node does not block others.
    pub refused: Vec<(Action, String)>,
    /// Gas that was paid for.
    pub gas: u64,
    /// Gas that was used.
    pub gas_used: u64,
    /// Newest block that holds one of the transactions.
    pub height: u64,
    /// Hashes of the transactions, in order.
    pub transactions: Vec<String>,
}

impl SubmitOutcome {
    /// Adds an ended transaction. One that failed in a block cost its fee; its actions are tried again.
    fn add(&mut self, open: &OpenTransaction, end: &TransactionEnd) {
        let TransactionEnd::Executed(executed) = end else { return };
        self.gas += executed.gas_wanted;
        self.gas_used += executed.gas_used;
        self.height = self.height.max(executed.height);
        self.transactions.push(open.transaction.hash().to_string());
        if executed.outcome.is_ok() {
            self.done.extend(open.actions.iter().cloned());
        }
    }
}

/// Why not all actions of a round have ended. The next round starts from the hub's state.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The hub cannot be queried.
    #[error(transparent)]
    Hub(#[from] sentinel_proto::hub::HubError),
    /// The hub answers but does not show the result of a transaction; the next start or round settles it.
    #[error("the hub does not show the result of a transaction")]
    Unconfirmed,
    /// An earlier transaction took effect after the ledger was read: the decision might repeat it.
    #[error("an earlier transaction took effect meanwhile; the next round decides again")]
    Overtaken,
    /// Not all actions could be sent while the decision was fresh.
    #[error("not all actions could be sent in time; the next round decides again")]
    Late,
    /// The grants do not suffice: an operator must act.
    #[error("not permitted on the hub: {0}")]
    NotPermitted(String),
    /// The journal cannot be written; nothing is sent without a journal entry.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
}

/// Executes actions on the hub.
pub trait Submit: Send + Sync {
    /// Settles the transactions that an earlier run left open. Called once, before the first ledger is read.
    fn resume(&self) -> impl Future<Output = Result<SubmitOutcome, SubmitError>> + Send;

    /// Submits the actions of round `round` in order and waits until each is confirmed or refused. For one node, a
    /// later action may need an earlier one of the same call.
    fn submit(
        &self,
        round: u64,
        actions: &[Action],
    ) -> impl Future<Output = Result<SubmitOutcome, SubmitError>> + Send;

    /// Returns the newest block that is known to hold a transaction of this run, whatever the results of the others.
    fn last_height(&self) -> u64;

    /// Reports, by logs and metrics, grants that will soon prevent submission.
    fn check_grants(&self) -> impl Future<Output = Result<(), SubmitError>> + Send;
}
