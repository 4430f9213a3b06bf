//! Stand-ins for the programs around a gate: they record what it sends, and misbehave in ways in which the real ones do
//! not.

pub(crate) mod fake_node;
pub(crate) mod faulty_provider;
mod http_server;
pub(crate) mod request_recorder;
pub(crate) mod stub_node;
pub(crate) mod tcp_relay;
