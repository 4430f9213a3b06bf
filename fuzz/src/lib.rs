//! Targets for the fuzzer: each takes any bytes, and panics when something that must hold does not.
//!
//! `cargo xtask fuzz` runs them under libFuzzer; the tests of this crate replay the corpora. What a target compares
//! the gate with is told here a second time, from the standard or from what the node does, and shares no code with it.

mod forwarding;
mod handshake;
mod hub;
mod json;
mod sign_in;
mod wire;

pub use forwarding::forwarding;
pub use handshake::handshake;
pub use hub::hub;
pub use sign_in::sign_in;

/// A target.
pub type Target = fn(&[u8]);

/// All targets by the names of their corpora.
pub const TARGETS: [(&str, Target); 4] =
    [("handshake", handshake), ("signin", sign_in), ("forwarding", forwarding), ("hub", hub)];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
