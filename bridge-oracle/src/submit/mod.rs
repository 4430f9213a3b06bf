//! The last step: actions become true on the hub. Replaceable, so that a quorum can stand here.

mod authz;
mod batch;
mod effect;
mod failure;
pub mod gas;
pub mod journal;
mod keyfile;
pub mod messages;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod upkeep;

pub use authz::Authz;
pub(crate) use authz::SOON;
pub use batch::MOST_IN_EXEC;
pub use keyfile::{KeyFileError, read_key};
pub use settings::Settings;
pub(crate) use upkeep::LOW_GAS;

use crate::reconcile::Action;
use journal::{End, JournalError, Open};

/// What became of a round's actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Confirmed by query.
    pub done: Vec<Action>,
    /// Refused by the hub, with its words; each alone, so that one bad node holds back nobody.
    pub refused: Vec<(Action, String)>,
    /// Gas that was paid for.
    pub gas: u64,
    /// Gas that was used of it.
    pub gas_used: u64,
    /// The newest block that one of the transactions is in.
    pub height: u64,
    /// Hashes of the transactions, in order.
    pub transactions: Vec<String>,
}

impl Outcome {
    /// Adds a transaction that has ended. One that failed in a block cost its fee; its actions are tried anew.
    fn add(&mut self, open: &Open, end: &End) {
        let End::Executed(executed) = end else { return };
        self.gas += executed.gas_wanted;
        self.gas_used += executed.gas_used;
        self.height = self.height.max(executed.height);
        self.transactions.push(open.transaction.hash().to_string());
        if executed.outcome.is_ok() {
            self.done.extend(open.actions.iter().cloned());
        }
    }
}

/// Why a round's actions were not, or not all, brought to an end. The next round starts from what the hub says.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The hub cannot be asked now.
    #[error(transparent)]
    Hub(#[from] sentinel_proto::hub::HubError),
    /// The hub answers, and does not show what became of a transaction; the next start or round finds out.
    #[error("the hub does not show what became of a transaction")]
    Unconfirmed,
    /// An earlier transaction had its effect after the ledger was read: what was decided might do the same again.
    #[error("an earlier transaction had its effect meanwhile; the next round decides anew")]
    Overtaken,
    /// Not everything could be sent while the decision was fresh.
    #[error("not everything could be sent in time; the next round decides anew")]
    Late,
    /// The grants do not suffice: an operator must act.
    #[error("not permitted on the hub: {0}")]
    NotPermitted(String),
    /// The journal cannot be written; nothing is sent that is not written.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
}

/// Makes actions true.
pub trait Submit: Send + Sync {
    /// Brings to an end what an earlier run left open. Called once, before the first ledger is read.
    fn resume(&self) -> impl Future<Output = Result<Outcome, SubmitError>> + Send;

    /// Submits the actions of round `round` in their order and waits until each is confirmed or refused. For one
    /// node, a later action may need an earlier one of the same call.
    fn submit(
        &self,
        round: u64,
        actions: &[Action],
    ) -> impl Future<Output = Result<Outcome, SubmitError>> + Send;

    /// Newest block that is known to hold a transaction of this run, whatever became of the rest.
    fn acted(&self) -> u64;

    /// Tells, by logs and metrics, what will keep it from submitting soon.
    fn upkeep(&self) -> impl Future<Output = Result<(), SubmitError>> + Send;
}
