//! The last step: actions become true on the hub. Replaceable, so that a quorum can stand here.

use crate::reconcile::Action;

/// What became of a round's actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Confirmed by query.
    pub done: Vec<Action>,
    /// Refused by the hub, with its words; each alone, so that one bad node holds back nobody.
    pub refused: Vec<(Action, String)>,
    /// Gas that was paid for.
    pub gas: u64,
    /// Hashes of the transactions, in order.
    pub transactions: Vec<String>,
}

/// Why a round's actions were not, or not all, brought to an end. The next round starts from what the hub says.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The hub cannot be asked now.
    #[error(transparent)]
    Hub(#[from] sentinel_proto::hub::HubError),
    /// The grants do not suffice: an operator must act.
    #[error("not permitted on the hub: {0}")]
    NotPermitted(String),
    /// The journal cannot be written; nothing is sent that is not written.
    #[error("journal: {0}")]
    Journal(String),
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
}
