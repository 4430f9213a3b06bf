//! Operations: health, metrics, the private address.

pub mod admin;
pub mod health;
pub mod metrics;
