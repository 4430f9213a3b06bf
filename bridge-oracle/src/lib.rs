//! The bridge oracle: a node in good standing on Ethereum is leased and linked on the Sentinel Hub, any other is not.
//!
//! One round: registry at a settled block ([`standing`]) and the hub ([`ledger`]) go through a pure function
//! ([`reconcile`]), and its ordered actions are made true ([`submit`]). What decides is governed ([`policy`]); what
//! is local is in [`config`]. The rooms are drawn in `docs/architecture.md`, its use in `docs/oracle.md`.

#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

pub mod config;
pub mod doctor;
pub mod failpoint;
pub mod grants;
pub mod ledger;
pub mod ops;
pub mod policy;
pub mod reconcile;
pub mod round;
pub mod run;
pub mod standing;
pub mod state;
pub mod submit;
