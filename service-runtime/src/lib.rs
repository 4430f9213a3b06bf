//! What the gate and the bridge oracle share as programs, and nothing of what they do: a home with a configuration
//! file, a database's schema, logs, metrics, a private address, errors and exit codes.

pub mod admin;
pub mod atomic_file;
pub mod causes;
pub mod doctor;
pub mod exit;
pub mod home;
pub mod logs;
pub mod metrics;
pub mod object;
pub mod schema;
mod section;
pub mod settings;
pub mod shutdown;
