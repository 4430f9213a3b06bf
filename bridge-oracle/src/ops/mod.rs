//! Operations: health, metrics, logs, the private address.

pub mod admin;
pub mod health;
pub mod logs;
pub mod metrics;
