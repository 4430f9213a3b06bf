//! Sovereign Gate: a reverse proxy that gates a Sentinel node's handshake by The Memes by 6529.
//!
//! `docs/architecture.md` describes the modules and the path of a handshake.

pub mod access;
pub mod admission;
mod keyed_rate_limiter;
pub mod client_key;
pub mod config;
pub mod doctor;
pub mod edge;
pub mod enforce;
pub mod governance;
pub mod node;
pub mod ops;
pub mod redact;
pub mod refusal;
mod poll_backoff;
pub mod app;
pub mod signin;
pub mod standing;
pub mod store;
mod run_to_completion;
pub mod web;
