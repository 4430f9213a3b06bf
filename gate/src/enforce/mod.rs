//! What happens to those who were let in and may no longer be: their peers are taken out of the node's tunnel.

pub mod tunnel;
