//! (standing, ledger, policy) in, ordered actions out. Pure: no clock, no network, no randomness. The same input
//! gives the same actions, and once they are done there are none.

mod action;
mod budget;
mod decide;
mod judge;
mod memory;
mod removal;
mod report;

pub use action::{Action, Reason, Step};
pub use decide::{Input, reconcile};
pub use judge::Fault;
pub use memory::{Memory, Past};
pub use report::{Decision, Halt, Row, Spending, Stance};

#[cfg(test)]
mod tests;
