//! Operations: health, metrics, descriptors, the node's own info, what may be shown.

pub mod admin;
pub mod deeds;
pub mod descriptors;
pub mod health;
pub mod metrics;
pub mod node;
pub mod private;
pub mod redact;
pub mod reload;
