//! Sovereign Gate: a reverse proxy that gates a Sentinel node's handshake by The Memes by 6529.
//!
//! `docs/architecture.md` describes the modules and the path of a handshake.

pub mod access;
pub mod admission;
pub mod app;
pub mod client_key;
pub mod config;
pub mod doctor;
pub mod edge;
pub mod enforce;
pub mod governance;
pub mod handshake;
mod keyed_rate_limiter;
pub mod node;
pub mod ops;
pub mod redact;
pub mod refusal;
mod request_span;
mod run_to_completion;
pub mod signin;
pub mod standing;
pub mod store;
pub mod web;
