//! The file that `init` writes.

/// `governed.toml` with every key explained; values that only governance knows hold an example.
pub const TEMPLATE: &str = include_str!("template.toml");
