//! Sovereign Gate: a reverse proxy that gates a Sentinel node's handshake by The Memes by 6529.
//!
//! The rooms and the way of a handshake through them are drawn in `docs/architecture.md`.

pub mod access;
pub mod admission;
mod buckets;
pub mod client;
pub mod config;
pub mod edge;
pub mod enforce;
pub mod governance;
pub mod ops;
pub mod refusal;
mod rhythm;
pub mod run;
pub mod signin;
pub mod standing;
pub mod store;
mod to_the_end;
pub mod web;
