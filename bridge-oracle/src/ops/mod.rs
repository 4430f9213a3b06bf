//! Operations: health, metrics and the private HTTP address.

pub mod admin;
pub mod health;
pub mod metrics;
