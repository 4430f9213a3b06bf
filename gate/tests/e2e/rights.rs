//! The promises of `docs/rights.md`: a sale ends the tunnel, and no stranger can take what a holder has.

mod node;
mod random;
mod repeats;
mod retention;
mod slots;
mod steps;
mod strangers;
mod stubbed_gate;

use crate::scenario::Scenario;

pub(crate) fn scenarios() -> Vec<Scenario> {
    // The random sequences take long and load the machine: last of the concurrent ones.
    let modules = [
        retention::scenarios(),
        strangers::scenarios(),
        slots::scenarios(),
        repeats::scenarios(),
        node::scenarios(),
        random::scenarios(),
    ];
    modules.into_iter().flatten().collect()
}
