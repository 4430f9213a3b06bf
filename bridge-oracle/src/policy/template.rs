//! The file that `init` writes.

/// `governed.toml` with every key explained; what only governance can know holds an example.
pub const TEMPLATE: &str = include_str!("template.toml");
