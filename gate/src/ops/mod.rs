//! Operations: health, metrics, descriptors, node info, redaction, private address.

pub mod admin;
pub mod admin_guard;
pub mod descriptors;
pub mod health;
pub mod metrics;
pub mod node;
pub mod operator_actions;
pub mod reload;
