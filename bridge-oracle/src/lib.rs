//! The bridge oracle leases and links nodes in good standing on Ethereum on the Sentinel Hub, and removes all others.
//!
//! One round: the registry at a settled block ([`standing`]) and the hub ([`ledger`]) go through a pure function
//! ([`reconcile`]), and [`submit`] executes the resulting actions. [`policy`] holds the governed configuration,
//! [`config`] the local one. `docs/architecture.md` describes the modules, `docs/oracle.md` the operation.

#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

pub mod config;
pub mod doctor;
pub mod failpoint;
pub mod gas;
pub mod grants;
pub mod ledger;
pub mod messages;
pub mod ops;
pub mod policy;
pub mod reconcile;
pub mod round;
pub mod run;
pub mod standing;
pub mod state;
pub mod submit;
