//! Operations: health, metrics, descriptors, private address.

pub mod admin;
pub mod admin_guard;
pub mod descriptors;
pub mod health;
pub mod metrics;
pub mod operator_actions;
pub mod reload;
