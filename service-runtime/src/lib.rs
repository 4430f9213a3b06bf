//! What the gate and the bridge oracle need as processes, without any policy: home directory, atomic files,
//! configuration, database schema, logs, metrics, private HTTP address, backoff, polling delays, shutdown, errors and
//! exit codes.

pub mod admin;
pub mod atomic_file;
pub mod causes;
pub mod command;
pub mod doctor;
pub mod exit;
pub mod home;
pub mod home_lock;
pub mod logs;
pub mod metrics;
pub mod object;
pub mod polling;
pub mod schema;
mod section;
pub mod settings;
pub mod shutdown;

pub use service_backoff as backoff;
