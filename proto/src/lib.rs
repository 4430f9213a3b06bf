//! Sentinel on the wire: addresses, the handshake, the node's envelope, the hub's messages,
//! transactions, and a typed client for them. No policy.

pub mod address;
pub mod envelope;
pub mod handshake;
pub mod hub;
#[cfg(feature = "stub")]
pub mod stub;
pub mod tx;
pub mod wire;
