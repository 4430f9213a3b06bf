//! Pure reconciliation: standing, ledger and policy in, ordered actions out. No clock, no network, no randomness. The
//! same input gives the same actions, and after they are done there are none.

mod action;
mod budget;
mod decide;
mod fault;
mod removal;
mod report;
mod state;

pub use action::{Action, Reason, Step};
pub use decide::{ReconcileInput, reconcile};
pub use fault::Fault;
pub use report::{Decision, Halt, NodeReport, NodeStatus, Spending};
pub use state::{NodeHistory, ReconcileState};

#[cfg(test)]
mod tests;
